# SPDX-License-Identifier: Apache-2.0
"""The operator that drops a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.operators.base import PolarisBaseOperator

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.compat import Context


class PolarisDropTableOperator(PolarisBaseOperator):
    """
    Drop a Polaris table with all its data.

    The name is required twice, so that a template that renders to another table's name drops nothing. By default, the
    data can be restored for 30 days, into a table of the same name.
    Source: docs.imply.io/polaris/data-lifecycle-management, polaris-sdk 20250425.14.0 (``softDelete``).

    **Retry and clear.** A retry resumes the job of the previous try. A task that is cleared after the table was dropped
    fails, because the table no longer exists.

    **Kill.** Polaris cannot cancel a deletion. If the task is killed or times out, the job continues, and the log
    states it.

    Waiting, deadlines, links, XComs and the other arguments are described in
    :class:`~airflow_provider_polaris.operators.base.PolarisBaseOperator`.

    :param table_name: Table to drop. (templated)
    :param confirm_table_name: The same name again. (templated)
    :param permanent: Delete the data permanently. (templated)
    """

    template_fields: Sequence[str] = (
        "table_name",
        "confirm_table_name",
        "permanent",
        *PolarisBaseOperator.template_fields,
    )

    def __init__(
        self, *, table_name: str, confirm_table_name: str, permanent: bool | str = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.table_name = table_name
        self.confirm_table_name = confirm_table_name
        self.permanent = permanent

    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the spec, if both names are the same."""
        from airflow_provider_polaris.jobs.errors import PolarisSpecError
        from airflow_provider_polaris.jobs.spec.job_spec import parse_spec
        from airflow_provider_polaris.jobs.validation.rules import check_spec
        from airflow_provider_polaris.runtime.arguments import as_bool, as_text

        name = as_text(self.table_name, "table_name")
        confirmed = as_text(self.confirm_table_name, "confirm_table_name")
        if name != confirmed:
            raise PolarisSpecError(
                f"table_name is {name!r}, but confirm_table_name is {confirmed!r}: nothing is dropped unless both name "
                "the same table. Correct the one that is wrong."
            )
        spec = parse_spec(
            {
                "type": "drop_table",
                "target": {"type": "table", "tableName": name},
                "softDelete": not as_bool(self.permanent, "permanent"),
            }
        )
        check_spec(spec)
        return spec.to_wire()
