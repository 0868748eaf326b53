# SPDX-License-Identifier: Apache-2.0
"""The operator that submits any job spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_polaris.operators.base import PolarisBaseOperator

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.compat import Context

#: Job types that this package has models and rules for. Specs of other types are not checked.
_CHECKED_TYPES = frozenset({"batch", "sql", "delete_data", "restore_data", "drop_table"})


class PolarisJobOperator(PolarisBaseOperator):
    """
    Submit any job and wait for it.

    The operator first checks the spec as far as this package supports its type: required fields, intervals, and the
    rules that Polaris enforces with an error or that prevent data loss. It accepts unknown fields, unless one
    resembles a known field. Polaris receives the spec unchanged, with one exception: intervals in a notation that
    Polaris may not accept, such as the result of ``{{ data_interval_start }}/{{ data_interval_end }}``, are rewritten.

    Retry, clear, waiting, deadlines, kill, links, XComs and the other arguments are described in
    :class:`~airflow_provider_polaris.operators.base.PolarisBaseOperator`.

    :param spec: The job as described on https://docs.imply.io/polaris/api-manage-job and related pages: a dictionary
        with ``type`` and the other fields, the same as JSON text, or the path of a ``.json`` file, relative to the DAG
        file or to ``template_searchpath``. (templated, including the file's text)
    """

    template_fields: Sequence[str] = ("spec", *PolarisBaseOperator.template_fields)
    template_ext: Sequence[str] = (".json",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"spec": "json"}

    def __init__(self, *, spec: Mapping[str, Any] | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = spec

    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the checked spec. Only the notation of intervals may differ from the argument."""
        from airflow_provider_polaris.jobs.errors import PolarisSpecError
        from airflow_provider_polaris.jobs.spec.job_spec import parse_spec
        from airflow_provider_polaris.jobs.validation.rules import check_spec
        from airflow_provider_polaris.runtime.arguments import as_bool, as_mapping

        spec = as_mapping(self.spec, "spec")
        if spec is None:
            raise PolarisSpecError("spec is None: a job needs one, such as {'type': 'batch', ...}.")
        kind = spec.get("type")
        endless = kind == "streaming" and as_bool(self.wait_for_completion, "wait_for_completion")
        if isinstance(kind, str) and kind not in _CHECKED_TYPES and not endless:
            self.log.warning("This package has no rules for jobs of type %r; the spec is sent unchecked.", kind)
            return spec
        parsed = parse_spec(spec)
        check_spec(parsed)
        return _with_readable_intervals(spec, parsed.to_wire())


def _with_readable_intervals(spec: dict[str, Any], wire: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a copy of the spec with the intervals in Polaris' notation.

    :param spec: The user's spec; not modified.
    :param wire: The same job as serialized by the models.
    """
    readable = dict(spec)
    if "interval" in wire and "interval" in spec:
        readable["interval"] = wire["interval"]
    for part, name in (("source", "interval"), ("target", "intervals")):
        written = spec.get(part)
        if isinstance(written, Mapping) and written.get(name) and name in wire.get(part, {}):
            readable[part] = {**written, name: wire[part][name]}
    return readable
