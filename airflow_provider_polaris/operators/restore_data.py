# SPDX-License-Identifier: Apache-2.0
"""The operator that restores deleted or replaced data of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_polaris.operators.base import PolarisBaseOperator

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.time.interval import Interval
    from airflow_provider_polaris.runtime.compat import Context


class PolarisRestoreDataOperator(PolarisBaseOperator):
    """
    Restore data that was soft-deleted or replaced in the last 30 days.

    Polaris restores whole segments, and only where there is no live data. Delete live data first with
    :class:`PolarisDeleteDataOperator`, which allows restoring it. ``PolarisHook.iter_unused_segments`` lists the
    available versions.
    Sources: docs.imply.io/polaris/api-restore-data, docs.imply.io/polaris/data-lifecycle-management.

    **Retry and clear.** A retry resumes the job of the previous try. If there is nothing to restore, the job completes
    with a warning and the task succeeds, unless ``fail_on_warning=True``.

    Waiting, deadlines, links, kills, XComs and the other arguments are described in
    :class:`~airflow_provider_polaris.operators.base.PolarisBaseOperator`.

    :param table_name: Table to restore. (templated)
    :param interval: ISO 8601 interval to restore. (templated)
    :param versions: Restore only segments of these versions. (templated)
    """

    template_fields: Sequence[str] = ("table_name", "interval", "versions", *PolarisBaseOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {"versions": "json"}

    def __init__(
        self,
        *,
        table_name: str,
        interval: str | Interval,
        versions: Sequence[str] | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table_name = table_name
        self.interval = interval
        self.versions = versions

    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the spec."""
        from airflow_provider_polaris.jobs.spec.job_spec import parse_spec
        from airflow_provider_polaris.jobs.time.interval import Interval
        from airflow_provider_polaris.jobs.validation.rules import check_spec
        from airflow_provider_polaris.runtime.arguments import as_list, as_text

        interval = self.interval
        if not isinstance(interval, Interval):
            interval = Interval.parse(as_text(interval, "interval"), field="interval")
        spec = parse_spec(
            {
                "type": "restore_data",
                "target": {"type": "table", "tableName": as_text(self.table_name, "table_name")},
                "interval": interval.to_wire(),
                "versions": as_list(self.versions, "versions"),
            }
        )
        check_spec(spec)
        return spec.to_wire()
