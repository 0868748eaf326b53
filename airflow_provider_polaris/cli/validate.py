# SPDX-License-Identifier: Apache-2.0
"""``airflow polaris validate``: check files against the rules for job specs and statements."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pendulum
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from airflow_provider_polaris import macros
from airflow_provider_polaris.cli.output import CommandError, Output
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.spec.job_spec import JobSpec, parse_spec
from airflow_provider_polaris.jobs.sql.ingestion.statement import read_statement
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.jobs.validation.rules import check_spec
from airflow_provider_polaris.jobs.validation.statement import StatementFacts, check_statement

_MACROS: Final = SimpleNamespace(
    polaris=SimpleNamespace(
        interval=macros.interval,
        within=macros.within,
        floor=macros.floor,
        shift=macros.shift,
        aged_window=macros.aged_window,
        split=macros.split,
    )
)


def validate(arguments: Any, screen: Output) -> int:
    """Check files; exit code 0 if all of them are valid."""
    interval = Interval.parse(arguments.interval, field="--interval")
    params = dict(_parameter(text) for text in arguments.param)
    results = [_check(name, interval, params) for name in arguments.files]
    if arguments.output == "json":
        screen.print_json(results)
    else:
        for result in results:
            (screen.print_result if result["valid"] else screen.print_message)(f"{result['file']}: {result['message']}")
    return 0 if all(result["valid"] for result in results) else 1


def _check(name: str, interval: Interval, params: dict[str, str]) -> dict[str, Any]:
    try:
        text = _read(name)
        templated = has_templates(text)
        filled = fill_in(text, interval, params) if templated else text
        about = _statement(filled) if name.endswith(".sql") else _job(filled)
    except (CommandError, PolarisSpecError) as error:
        return {"file": name, "valid": False, "message": str(error)}
    if templated:
        about += f", with its templates rendered for the data interval {interval.to_wire()}"
    return {"file": name, "valid": True, "message": f"{about}."}


def _statement(text: str) -> str:
    """Check a statement for ``PolarisSqlJobOperator``, and say what it does."""
    statement = read_statement(text)
    selection = statement.selection
    check_statement(statement, StatementFacts(source_tables=() if selection is None else None))
    done = f"a valid {'REPLACE' if statement.replaces else 'INSERT'} into table {statement.target!r}"
    if statement.replaces:
        overwritten = "everything" if statement.replaces_all else ", ".join(map(str, statement.intervals))
        done += f" that overwrites {overwritten}"
    read = "tables that can't be determined" if selection is None else ", ".join(map(repr, selection.tables))
    return f"{done}, partitioned by {statement.partitioned_by.value}, from {read or 'no table'}"


def _job(text: str) -> str:
    """Check a job spec, and say what it is."""
    spec = _spec(text)
    return f"a valid {spec.type} job" + (f" for table {spec.target.table_name!r}" if hasattr(spec, "target") else "")


def _spec(text: str) -> JobSpec:
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        raise CommandError(f"it is not JSON: {error.msg} at line {error.lineno} column {error.colno}.") from None
    spec = parse_spec(body)
    check_spec(spec)
    return spec


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"it can't be read: {error.strerror}. Check the path.") from None
    except UnicodeDecodeError as error:
        raise CommandError(
            f"it is not UTF-8: {error.reason} at byte {error.start}. Convert it, for example with iconv."
        ) from None


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandError(f"--param {text!r} is not of the form NAME=VALUE.")
    return name, value


def has_templates(text: str) -> bool:
    """Return whether a text contains templates."""
    return "{{" in text or "{%" in text


def fill_in(text: str, interval: Interval, params: Mapping[str, str]) -> str:
    """
    Render the templates of a text.

    :param text: Text with Jinja templates.
    :param interval: Data interval of the simulated run, which has a data-interval timetable.
    :param params: Params of the run.
    :raises CommandError: A template is invalid, or needs a value that only a real run has.
    """
    start, end = pendulum.instance(interval.start), pendulum.instance(interval.end)
    known = {
        "data_interval_start": start,
        "data_interval_end": end,
        "logical_date": start,
        "ds": start.strftime("%Y-%m-%d"),
        "ds_nodash": start.strftime("%Y%m%d"),
        "ts": start.isoformat(),
        "params": dict(params),
        "macros": _MACROS,
    }
    # Autoescaping would break JSON. The result isn't shown in a browser.
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    try:
        return environment.from_string(text).render(known)
    except TemplateError as error:
        raise CommandError(
            f"a template can't be rendered: {error}. The available names are {', '.join(sorted(known))}. Set params "
            "with --param NAME=VALUE."
        ) from None
