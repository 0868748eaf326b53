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
    Submit any Polaris job and wait for it.

    The operator first checks the spec as far as this package supports its type: required fields, intervals, and the
    rules that Polaris enforces with an error or that prevent data loss. It accepts unknown fields, unless one looks
    like a misspelt known field. Polaris receives the spec unchanged, with one exception: intervals in a notation that
    Polaris may not accept, such as the result of ``{{ data_interval_start }}/{{ data_interval_end }}``, are rewritten.

    **Retry, clear, deadline, kill and XCom** are the same for all operators: see
    :class:`~airflow_provider_polaris.operators.base.PolarisBaseOperator`.

    :param spec: The job as described on https://docs.imply.io/polaris/api-manage-job and related pages: a dictionary
        with ``type`` and the other fields, the same as JSON text, or the path of a ``.json`` file, relative to the DAG
        file or to ``template_searchpath``. (templated, including the file's text)
    :param polaris_conn_id: Id of the Airflow connection. (templated)
    :param wait_for_completion: Wait for the job's end and check its result. False ends the task once the job is
        submitted. (templated)
    :param deferrable: Wait in the triggerer and free the worker slot. No effect without ``wait_for_completion``. The
        default is Airflow's ``[operators] default_deferrable``. (templated)
    :param poll_interval: Seconds between two polls of the job, varied by up to 10 %. (templated)
    :param timeout: Seconds from the start of this try until the task times out; None for no limit of its own.
        ``execution_timeout`` also counts: the task times out 30 s before it, but not before half of it. (templated)
    :param pending_warning_after: Seconds until a job that is still ``pending`` causes one warning with Polaris' reason;
        None for no warning. (templated)
    :param cancel_on_kill: Cancel the job when the task is killed. (templated)
    :param cancel_on_timeout: Cancel the job when the task times out. (templated)
    :param fail_on_warning: Fail the task if the job completed with a warning. (templated)
    :param durable: Store the job's id in Airflow's task state store (Airflow 3.3 and newer), so that a retry resumes
        the job after any crash. Without the store, a retry finds the job by its marker in the job list. (templated)
    :param repeat_append: Submit a job that adds rows even if they may have been added already: after the task was
        cleared, or if the outcome of an earlier try is unknown. (templated)
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
            self.log.warning("This package has no rules for Polaris jobs of type %r; the spec is sent unchecked.", kind)
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
