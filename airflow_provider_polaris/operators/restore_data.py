"""The operator that brings deleted or replaced data of a table back."""

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
    Restore data that was soft-deleted or replaced, for 30 days after that.

    Polaris restores whole segments, and only where no live data is: delete that first, restorably, with
    :class:`PolarisDeleteDataOperator`. Which versions there are tells ``PolarisHook.iter_unused_segments``.
    Sources: docs.imply.io/polaris/api-restore-data, docs.imply.io/polaris/data-lifecycle-management.

    **Retry and clear.** A retry goes on with the job of the try before. If nothing is there to restore, the job
    completes with a warning and the task succeeds, unless ``fail_on_warning=True``.

    Waiting, deadlines, links, kills and XComs are those of :class:`PolarisJobOperator`, as are the arguments that are
    not listed here.

    :param table_name: Table to restore. (templated)
    :param interval: ISO 8601 interval to restore. (templated)
    :param versions: Only segments of these versions. (templated)
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
        """Return the job."""
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
