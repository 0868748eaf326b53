"""What a task would do, said in its log instead of done: request, SQL, tables, guards."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.operators.dry_run.table_reader import DryRunHook
    from airflow_provider_polaris.runtime.compat import Context

#: Asks for a dry run where Airflow has no option for it, such as in ``airflow tasks test`` since 3.0.
DRY_RUN_VARIABLE: Final = "POLARIS_DRY_RUN"
#: Set by ``airflow tasks test``, from 3.0 on always, before with its option ``--env-vars``.
_TEST_VARIABLE: Final = "AIRFLOW_TEST_MODE"

_NO_SQL: Final = "No SQL stands for a job of type {kind!r}."


class PlannedTask(Protocol):
    """What a dry run asks of an operator."""

    task_id: str
    polaris_conn_id: str
    optional_context: Sequence[str]

    @property
    def log(self) -> Any:
        """Logger of the task."""

    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:
        """Return the job to submit."""

    def describe_guards(self) -> Sequence[str]:
        """Return what the guards check, a line each."""


def is_dry_run_wanted() -> bool:
    """
    Whether a task that runs now is to run dry.

    Counts only in ``airflow tasks test``: a variable that a worker inherits by mistake must not keep its tasks from
    working.
    """
    return _is_set(_TEST_VARIABLE) and _is_set(DRY_RUN_VARIABLE)


def is_task_test(context: Mapping[str, Any]) -> bool:
    """
    Whether somebody tries a task out by ``airflow tasks test`` and reads the log at once.

    :param context: Airflow's context.
    """
    return _is_set(_TEST_VARIABLE) or getattr(context.get("ti"), "test_mode", False) is True


def dry_run(operator: PlannedTask, context: Context) -> None:
    """
    Plan the job of a task and say everything about it; submit nothing, count nothing, push nothing.

    One log line a topic: what the request is, the SQL that it stands for, what the tables are like, what the guards
    would look at. Polaris is asked for table descriptions only, each once; where it can't be asked, a line says so.

    :param operator: Rendered.
    :param context: Airflow's context.
    :raises PolarisSpecError: As the task would.
    :raises PolarisNotFoundError: As the task would.
    """
    from airflow_provider_polaris.operators.dry_run.table_reader import DryRunHook, TableNotSeenError
    from airflow_provider_polaris.operators.job_run.options import JobOptions
    from airflow_provider_polaris.runtime.arguments import as_text

    log = operator.log
    log.info("Dry run of task %r: nothing is submitted, counted or written.", operator.task_id)
    JobOptions.read(vars(operator))  # refuses what can't be read, as the task would
    hook = DryRunHook(as_text(operator.polaris_conn_id, "polaris_conn_id"))
    try:
        spec = operator.plan_job(context, hook)
        show_request(operator, spec, hook)
        verdict = _check_tables(spec, hook, log)
    except TableNotSeenError as error:  # by an operator that can't do without
        log.warning("The job can't be planned, because its tables were not seen: %s", error)
        return
    finally:
        hook.close()
    if guards := operator.describe_guards():
        log.info("%s", _block("Right before the request the task would:", (f"- {guard}" for guard in guards)))
    log.info("End of the dry run of task %r. %s", operator.task_id, verdict)


def show_request(operator: PlannedTask, spec: Mapping[str, Any], hook: PolarisHook) -> None:
    """
    Log the request that a task makes for its job, and the SQL that the job stands for.

    :param operator: The task.
    :param spec: The JSON object for Polaris.
    :param hook: For the address; makes no request.
    """
    from airflow_provider_polaris.client.polaris import endpoints
    from airflow_provider_polaris.jobs.sql.statement import job_statement

    settings, endpoint = hook.settings, endpoints.CREATE_JOB
    lines = [
        f"{endpoint.method} {settings.base_url}{endpoints.path_of(endpoint, settings.project_id)}",
        json.dumps(spec, indent=2, ensure_ascii=False),
        *_additions(operator, spec, hook),
    ]
    operator.log.info("%s", _block("The request for the job:", lines))
    statement = job_statement(spec)
    if statement is None:
        operator.log.info("%s", _NO_SQL.format(kind=spec.get("type")))
    else:
        operator.log.info("%s", _block("The SQL that it stands for, in UTC:", [statement]))


def show_problems(spec: Mapping[str, Any], conn_id: str, log: Any) -> None:
    """
    Log what tables and columns have to do with a job that Polaris has refused; nothing if they tell nothing.

    :param spec: The JSON object that was refused.
    :param conn_id: The connection.
    :param log: Logger of the task.
    """
    from airflow_provider_polaris.operators.dry_run.table_checks import TableChecks
    from airflow_provider_polaris.operators.dry_run.table_reader import DryRunHook

    try:
        with closing(DryRunHook(conn_id)) as hook:
            problems = [finding.text for finding in TableChecks(hook, spec).run() if finding.is_problem]
    except Exception as error:  # Polaris' own words are about to be raised, and must be
        log.debug("What the tables have to do with it can't be told: %r", error)
        return
    if problems:
        log.error("%s", _block("Polaris refuses the job. Its tables tell what may be the reason:", problems))


def _check_tables(spec: Mapping[str, Any], hook: DryRunHook, log: Any) -> str:
    """Log what the tables are like, and return the verdict."""
    from airflow_provider_polaris.operators.dry_run.table_checks import TableChecks
    from airflow_provider_polaris.operators.dry_run.table_reader import TableNotSeenError

    try:
        findings = TableChecks(hook, spec).run()
    except TableNotSeenError as error:
        log.warning("Tables and columns were not checked, nor what of the job depends on them: %s", error)
        return "The job could be planned; its tables were not seen."
    problems = sum(finding.is_problem for finding in findings)
    lines = (f"{'!' if finding.is_problem else '-'} {finding.text}" for finding in findings)
    tell = log.warning if problems else log.info
    tell("%s", _block(f"Tables, as {hook.settings.base_url} describes them:", lines))
    if problems:
        return f"What needs a look is marked with ! above ({problems})."
    return "Nothing was found that speaks against the job."


def _additions(operator: PlannedTask, spec: Mapping[str, Any], hook: PolarisHook) -> list[str]:
    """Say what the task adds to the spec or may take out of it when it sends it."""
    from airflow_provider_polaris.jobs.spec.context import MARKER_KEY, takes_marker

    lines = []
    if hook.submit_marker == "off":
        lines.append(f"The job is sent as it is: submit_marker of connection {hook.polaris_conn_id!r} is 'off'.")
    elif takes_marker(spec):
        lines.append(
            f"The task adds {MARKER_KEY!r} to 'context': 32 hexadecimal digits by which a retry knows its job. Should "
            "Polaris answer 400, the job is sent once more without it."
        )
    else:
        lines.append("The job is sent as it is: there is no place for a marker in it.")
    if operator.optional_context:
        names = " and ".join(map(repr, operator.optional_context))
        lines.append(f"Should Polaris answer 400 again, it is sent without {names} in 'context'.")
    return lines


def _block(head: str, lines: Iterable[str]) -> str:
    # Airflow 3 prints the logger's name after the text: it shall not stand in the last line of an SQL statement.
    return "\n".join([head, *lines, ""])


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() in ("1", "t", "true", "y", "yes", "on")
