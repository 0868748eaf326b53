"""The operator that deletes data of a table, restorably unless told otherwise."""

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
    Delete intervals of a Polaris table, or all of its data; the table stays.

    By default what is deleted can be restored for 30 days, see :class:`PolarisRestoreDataOperator`. The API's own
    default, to delete for good, has to be asked for with ``permanent=True``.

    Polaris deletes whole segments, so an interval that ends inside one takes away rows outside of it. The table is read
    once, and an interval that doesn't fall on the table's partitioning is refused unless ``allow_unaligned=True``.
    Segments that are coarser than the partitioning, because they were written with another ``partitionedBy``, can't be
    seen beforehand. Rows that are still in a stream's memory (real-time rows) are not deleted.
    Sources: docs.imply.io/polaris/api-delete-data, docs.imply.io/polaris/data-lifecycle-management.

    **Retry and clear.** Deleting again deletes nothing more, so a cleared task submits again. A retry goes on with the
    job of the try before. If nothing is there to delete, the job completes with a warning and the task succeeds, unless
    ``fail_on_warning=True``.

    **Kill.** Polaris can't cancel a deletion: killed or out of time, the task ends and the job runs on, and the log
    says so.

    Waiting, deadlines, links and XComs are those of :class:`PolarisJobOperator`, as are the arguments that are not
    listed here.

    :param table_name: Table to delete from. (templated)
    :param intervals: ISO 8601 interval or intervals to delete. There is no default, the run's interval included.
        (templated)
    :param delete_all: Delete all data of the table instead. (templated)
    :param permanent: Delete for good. (templated)
    :param versions: Only segments of these versions, as ``PolarisHook.iter_unused_segments`` and Polaris' pages name
        them. (templated)
    :param allow_unaligned: Let an interval end inside partitions, which are then deleted whole. (templated)
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
        """Return the job, checked against the table's partitioning."""
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
            with suppress(TableNotSeenError):  # only in a dry run, which says so
                check_deletion(spans, TableDescription.from_wire(hook.get_table(name)))
        return spec.to_wire()
