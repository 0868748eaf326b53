# SPDX-License-Identifier: Apache-2.0
"""Log what a task would do: the request, the SQL, the tables, and the guards."""

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

#: Requests a dry run where Airflow has no option for it, such as in ``airflow tasks test`` since 3.0.
DRY_RUN_VARIABLE: Final = "POLARIS_DRY_RUN"
#: Set by ``airflow tasks test``: since 3.0 always, before only with its option ``--env-vars``.
_TEST_VARIABLE: Final = "AIRFLOW_TEST_MODE"

_NO_SQL: Final = "A job of type {kind!r} has no equivalent SQL."


class PlannedTask(Protocol):
    """The required part of an operator."""

    task_id: str
    polaris_conn_id: str
    optional_context: Sequence[str]

    @property
    def log(self) -> Any:
        """Logger of the task."""

    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:
        """Return the spec of the job."""

    def describe_guards(self) -> Sequence[str]:
        """Return the checks of the guards, one line each."""

    def describe_checks(self) -> Sequence[str]:
        """Return the conditions that the written rows must meet, one line each."""


def is_dry_run_wanted() -> bool:
    """
    Return whether the current task must do a dry run.

    True only in ``airflow tasks test``, so that a variable that a worker inherits by mistake has no effect.
    """
    return _is_set(_TEST_VARIABLE) and _is_set(DRY_RUN_VARIABLE)


def is_task_test(context: Mapping[str, Any]) -> bool:
    """
    Return whether the task runs in ``airflow tasks test``, where a user reads the log immediately.

    :param context: Airflow's context.
    """
    return _is_set(_TEST_VARIABLE) or getattr(context.get("ti"), "test_mode", False) is True


def dry_run(operator: PlannedTask, context: Context) -> None:
    """
    Plan the job of a task and log it. Submits, counts and pushes nothing.

    Writes one log message for each topic: the request, the equivalent SQL, the tables, and the checks of the guards.
    Reads only table descriptions from Polaris, each once. If Polaris can't be reached, the log states it.

    :param operator: The operator, with rendered arguments.
    :param context: Airflow's context.
    :raises PolarisSpecError: The task would raise it, too.
    :raises PolarisNotFoundError: The task would raise it, too.
    """
    from airflow_provider_polaris.operators.dry_run.table_reader import DryRunHook, TableNotSeenError
    from airflow_provider_polaris.operators.job_run.options import JobOptions
    from airflow_provider_polaris.runtime.arguments import as_text

    log = operator.log
    log.info("Dry run of task %r: nothing is submitted, counted or written.", operator.task_id)
    JobOptions.read(vars(operator))  # raises for invalid values, as the task does
    hook = DryRunHook(as_text(operator.polaris_conn_id, "polaris_conn_id"))
    try:
        spec = operator.plan_job(context, hook)
        show_request(operator, spec, hook)
        summary = _check_tables(spec, hook, log)
    except TableNotSeenError as error:  # raised by an operator that needs the table
        log.warning("The job can't be planned, because its tables could not be read: %s", error)
        return
    finally:
        hook.close()
    if guards := operator.describe_guards():
        log.info("%s", _block("Right before the request the task would:", (f"- {guard}" for guard in guards)))
    if checks := operator.describe_checks():
        log.info(
            "%s", _block("After the job, the task would check the written rows:", (f"- {each}" for each in checks))
        )
    log.info("End of the dry run of task %r. %s", operator.task_id, summary)


def show_request(operator: PlannedTask, spec: Mapping[str, Any], hook: PolarisHook) -> None:
    """
    Log the request that a task makes for its job, and the equivalent SQL.

    :param operator: The operator of the task.
    :param spec: The JSON object of the job.
    :param hook: Hook with the client, which makes requests only if the job's SQL depends on the target.
    :raises PolarisSpecError: The service has no equivalent of the job.
    """
    from airflow_provider_polaris.jobs.errors import PolarisError, PolarisSpecError

    try:
        preview = hook.get_client().preview_job(spec)
    except PolarisSpecError:
        raise
    except PolarisError as error:
        operator.log.warning("The request for the job can't be shown, because its table could not be read: %s", error)
        return
    body = json.dumps(preview.body, indent=2, ensure_ascii=False)
    lines = [preview.request, body, *_additions(operator, spec, hook)]
    operator.log.info("%s", _block("The request for the job:", lines))
    if preview.sql is None:
        operator.log.info("%s", _NO_SQL.format(kind=spec.get("type")))
    else:
        operator.log.info("%s", _block("The equivalent SQL, in UTC:", [preview.sql]))


def show_problems(spec: Mapping[str, Any], conn_id: str, log: Any) -> None:
    """
    Log the problems of tables and columns that may be why the service rejected a job, if any.

    :param spec: The JSON object that was rejected.
    :param conn_id: Id of the connection.
    :param log: Logger of the task.
    """
    from airflow_provider_polaris.operators.dry_run.table_checks import TableChecks
    from airflow_provider_polaris.operators.dry_run.table_reader import DryRunHook

    try:
        with closing(DryRunHook(conn_id)) as hook:
            problems = [finding.text for finding in TableChecks(hook, spec).run() if finding.is_problem]
    except Exception as error:  # Polaris' own error is raised in any case
        log.debug("The tables of the rejected job were not checked: %r", error)
        return
    if problems:
        log.error("%s", _block("The service rejected the job. Possible reasons in its tables:", problems))


def _check_tables(spec: Mapping[str, Any], hook: DryRunHook, log: Any) -> str:
    """Log a description of the tables, and return a summary."""
    from airflow_provider_polaris.operators.dry_run.table_checks import TableChecks
    from airflow_provider_polaris.operators.dry_run.table_reader import TableNotSeenError

    try:
        findings = TableChecks(hook, spec).run()
    except TableNotSeenError as error:
        log.warning("Tables and columns were not checked, nor the parts of the job that depend on them: %s", error)
        return "The job was planned, but its tables could not be read."
    problems = sum(finding.is_problem for finding in findings)
    lines = (f"{'!' if finding.is_problem else '-'} {finding.text}" for finding in findings)
    log_lines = log.warning if problems else log.info
    log_lines("%s", _block(f"Tables, as {hook.settings.base_url} describes them:", lines))
    if problems:
        return f"{problems} possible problems are marked with ! above."
    return "No problems were found."


def _additions(operator: PlannedTask, spec: Mapping[str, Any], hook: PolarisHook) -> list[str]:
    """Return lines that list what the task adds to the spec, or may remove from it, when it submits the job."""
    from airflow_provider_polaris.jobs.spec.context import MARKER_KEY, takes_marker

    lines = []
    if hook.submit_marker == "off":
        lines.append(
            f"The job is sent unchanged, because submit_marker of connection {hook.polaris_conn_id!r} is 'off'."
        )
    elif takes_marker(spec):
        added = f"The task adds {MARKER_KEY!r} to 'context': 32 hexadecimal digits by which a retry recognizes its job."
        if not hook.capabilities.idempotent_submission:
            added += " If the service answers 400, the job is sent again without it."
        lines.append(added)
    else:
        lines.append("The job is sent unchanged, because its type takes no marker.")
    if operator.optional_context:
        names = " and ".join(map(repr, operator.optional_context))
        lines.append(f"If the service answers 400 again, it is sent without {names} in 'context'.")
    return lines


def _block(head: str, lines: Iterable[str]) -> str:
    # Airflow 3 prints the logger's name after the text. The empty line keeps it out of an SQL statement.
    return "\n".join([head, *lines, ""])


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() in ("1", "t", "true", "y", "yes", "on")
