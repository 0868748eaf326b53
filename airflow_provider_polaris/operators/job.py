"""The operator that submits any job spec as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_polaris.operators.base import PolarisBaseOperator

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.compat import Context

#: What the package has models and rules for; other types go to Polaris unseen.
_CHECKED_TYPES = frozenset({"batch", "sql", "delete_data", "restore_data", "drop_table"})


class PolarisJobOperator(PolarisBaseOperator):
    """
    Submit any Polaris job and wait for it.

    The spec goes to Polaris as it is, but for one thing: an interval in a notation that Polaris may not read, such as
    what ``{{ data_interval_start }}/{{ data_interval_end }}`` renders, is written as Polaris does. Before that the spec
    is checked as far as this package knows its type: required fields, intervals, and the rules that Polaris enforces
    with an error or that would lose data. Fields that this package doesn't know are left alone,
    unless they look like one that it knows, misspelt.

    **Retry.** A retry goes on with the job of the try before: it waits for it, or takes its result. Only a job that
    failed or was canceled is submitted again. If a try lost the answer to its POST, or died before it could read it,
    the job is looked for and adopted. What can't get better by itself, such as a spec that Polaris refuses or a job
    that failed because of its spec, fails at once without a retry.

    **Clear.** The old job is canceled if it is still at work; once it has ended, a new one is submitted. A completed
    job that added rows is not repeated, unless ``repeat_append=True``: mark the task as success if its rows are wanted.

    **Where it waits.** In the worker, or with ``deferrable``, after one look, in the triggerer, together with all other
    tasks that wait there through the same connection. Result, errors and log are the same. After a deferral nothing is
    taken from templates, which Airflow renders anew.

    **Deadline.** At ``timeout``, or 30 s before ``execution_timeout`` (at half of it at the earliest), the job is
    canceled, unless ``cancel_on_timeout=False``, and the task fails and says how long it waited and in which state the
    job was. In the triggerer no free worker is needed for the cancel. Should no triggerer be there, Airflow resumes the
    task two minutes later and the worker does it.

    **Kill.** Marking the task failed or clearing it cancels the job, unless ``cancel_on_kill=False``: from the worker
    within four seconds; from the triggerer once Airflow says that the task no longer waits for it, so that a triggerer
    may be restarted or replaced. The triggerer goes on asking for up to an hour. A worker can't tell a kill from other
    polite ends of its process, such as an evicted pod, which cancel the job as well: prefer ``deferrable`` where that
    happens. Polaris doesn't cancel jobs that delete data.

    **XCom.** Return value: the job's id. ``polaris_job``: ``id``, ``status``, ``intervals``, ``rows_processed``,
    ``rows_persisted``, ``bytes``, ``seconds``, ``adopted``, None where unknown; pushed when the job is submitted and
    again when it has ended. ``polaris_job_url`` and ``polaris_table_url``: where to look.

    :param spec: The job as https://docs.imply.io/polaris/api-manage-job and its neighbours describe it: a dictionary
        with ``type`` and the other fields, JSON text of one, or the path of a ``.json`` file, relative to the DAG file
        or ``template_searchpath``. (templated, the file's text too)
    :param polaris_conn_id: The connection. (templated)
    :param wait_for_completion: Wait for the job's end and judge it; False ends the task once the job is submitted.
        (templated)
    :param deferrable: Wait in the triggerer and leave the worker to others. Without effect where nobody waits. The
        default is Airflow's ``[operators] default_deferrable``. (templated)
    :param poll_interval: Seconds between two looks at the job, give or take a tenth. (templated)
    :param timeout: Seconds from the start of this attempt after which the task gives up; None for no limit of its own.
        ``execution_timeout`` counts too: the task gives up 30 s before it, at half of it at the earliest. (templated)
    :param pending_warning_after: Seconds after which a job that is still ``pending`` is worth one warning with what
        Polaris says about it; None for no warning. (templated)
    :param cancel_on_kill: Cancel the job when the task is killed. (templated)
    :param cancel_on_timeout: Cancel the job when the task gives up. (templated)
    :param fail_on_warning: Fail if the job completed with a warning. (templated)
    :param durable: Write the job down in Airflow's task state store, where there is one (Airflow 3.3 and newer), so
        that a retry goes on with it whatever died when. Without, the marker in the job and the list of jobs decide.
        (templated)
    :param repeat_append: Submit a job that adds rows also where rows may be in already: after the task was cleared, or
        where nobody knows what an earlier try did. (templated)
    """

    template_fields: Sequence[str] = ("spec", *PolarisBaseOperator.template_fields)
    template_ext: Sequence[str] = (".json",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"spec": "json"}

    def __init__(self, *, spec: Mapping[str, Any] | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = spec

    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the spec, checked, and unchanged but for the notation of intervals."""
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
            self.log.warning("Polaris jobs of type %r are unknown here; the spec goes to Polaris unchecked.", kind)
            return spec
        parsed = parse_spec(spec)
        check_spec(parsed)
        return _with_readable_intervals(spec, parsed.to_wire())


def _with_readable_intervals(spec: dict[str, Any], wire: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the spec with the intervals of its checked twin, which stand there as Polaris writes them.

    :param spec: As the user wrote it; left as it is.
    :param wire: The same job as the models write it.
    """
    readable = dict(spec)
    if "interval" in wire and "interval" in spec:
        readable["interval"] = wire["interval"]
    for part, name in (("source", "interval"), ("target", "intervals")):
        written = spec.get(part)
        if isinstance(written, Mapping) and written.get(name) and name in wire.get(part, {}):
            readable[part] = {**written, name: wire[part][name]}
    return readable
