# SPDX-License-Identifier: Apache-2.0
"""The operator that deletes data of a table, by default so that it can be restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_polaris.operators.base import PolarisBaseOperator

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.time.interval import Interval
    from airflow_provider_polaris.runtime.compat import Context


class PolarisDeleteDataOperator(PolarisBaseOperator):
    """
    Delete intervals of a Polaris table, or all of its data. The table itself remains.

    By default, deleted data can be restored for 30 days, see :class:`PolarisRestoreDataOperator`. The API's own default
    is permanent deletion; set ``permanent=True`` for it.

    Polaris deletes whole segments, so an interval that ends inside a segment also deletes rows outside the interval.
    The operator reads the table once and refuses an interval that is not aligned with the table's partitioning, unless
    ``allow_unaligned=True``. It cannot detect coarser segments, which were written with another ``partitionedBy``. Rows
    that are still in a stream's memory (real-time rows) are not deleted.
    Sources: docs.imply.io/polaris/api-delete-data, docs.imply.io/polaris/data-lifecycle-management.

    **Retry and clear.** Deletion is idempotent, so a cleared task submits again. A retry resumes the job of the
    previous try. If there is nothing to delete, the job completes with a warning and the task succeeds, unless
    ``fail_on_warning=True``.

    **Kill.** Polaris cannot cancel a deletion. If the task is killed or times out, the job continues, and the log
    states it.

    Waiting, deadlines, links, XComs and the other arguments are described in
    :class:`~airflow_provider_polaris.operators.base.PolarisBaseOperator`.

    :param table_name: Table to delete from. (templated)
    :param intervals: ISO 8601 interval or intervals to delete. There is no default, not even the run's interval.
        (templated)
    :param delete_all: Delete all data of the table instead. (templated)
    :param permanent: Delete permanently. (templated)
    :param versions: Delete only segments of these versions, as listed by ``PolarisHook.iter_unused_segments`` and
        Polaris' pages. (templated)
    :param allow_unaligned: Allow intervals that end inside partitions, which are then deleted whole. (templated)
    """

    template_fields: Sequence[str] = (
        "table_name",
        "intervals",
        "delete_all",
        "permanent",
        "versions",
        "allow_unaligned",
        *PolarisBaseOperator.template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"intervals": "json", "versions": "json"}

    def __init__(
        self,
        *,
        table_name: str,
        intervals: Sequence[str | Interval] | str | Interval | None = None,
        delete_all: bool | str = False,
        permanent: bool | str = False,
        versions: Sequence[str] | str | None = None,
        allow_unaligned: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table_name = table_name
        self.intervals = intervals
        self.delete_all = delete_all
        self.permanent = permanent
        self.versions = versions
        self.allow_unaligned = allow_unaligned

    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the spec, checked against the table's partitioning."""
        from airflow_provider_polaris.jobs.spec.job_spec import parse_spec
        from airflow_provider_polaris.jobs.tables.description import TableDescription
        from airflow_provider_polaris.jobs.time.interval import Interval
        from airflow_provider_polaris.jobs.validation.deletion import check_deletion
        from airflow_provider_polaris.jobs.validation.rules import check_spec
        from airflow_provider_polaris.operators.dry_run.table_reader import TableNotSeenError
        from airflow_provider_polaris.runtime.arguments import as_bool, as_list, as_text

        name = as_text(self.table_name, "table_name")
        intervals = [self.intervals] if isinstance(self.intervals, Interval) else as_list(self.intervals, "intervals")
        spans = [
            each if isinstance(each, Interval) else Interval.parse(each, field=f"intervals[{index}]")
            for index, each in enumerate(intervals or ())
        ]
        target = {"type": "table", "tableName": name}
        spec = parse_spec(
            {
                "type": "delete_data",
                "target": {**target, "intervals": [span.to_wire() for span in spans]} if spans else target,
                "deleteAll": as_bool(self.delete_all, "delete_all"),
                "softDelete": not as_bool(self.permanent, "permanent"),
                "versions": as_list(self.versions, "versions"),
            }
        )
        check_spec(spec)
        if spans and not as_bool(self.allow_unaligned, "allow_unaligned"):
            with suppress(TableNotSeenError):  # only in a dry run, which logs it
                check_deletion(spans, TableDescription.from_wire(hook.get_table(name)))
        return spec.to_wire()
