"""``airflow polaris validate``: the rules for job specs, applied to files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from airflow_provider_polaris.cli.running import CommandError
from airflow_provider_polaris.cli.screen import Screen
from airflow_provider_polaris.cli.templates import fill_in, has_templates
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.interval import Interval
from airflow_provider_polaris.jobs.rules import check_spec
from airflow_provider_polaris.jobs.spec import JobSpec, parse_spec


def validate(arguments: Any, screen: Screen) -> int:
    """Check files; exit code 0 if all of them are right."""
    interval = Interval.parse(arguments.interval, field="--interval")
    params = dict(_parameter(text) for text in arguments.param)
    results = [_check(name, interval, params) for name in arguments.files]
    if arguments.output == "json":
        screen.say_json(results)
    else:
        for result in results:
            (screen.say if result["valid"] else screen.tell)(f"{result['file']}: {result['message']}")
    return 0 if all(result["valid"] for result in results) else 1


def _check(name: str, interval: Interval, params: dict[str, str]) -> dict[str, Any]:
    try:
        text = _read(name)
        templated = has_templates(text)
        spec = _spec(fill_in(text, interval, params) if templated else text)
    except (CommandError, PolarisSpecError) as error:
        return {"file": name, "valid": False, "message": str(error)}
    about = f"a valid {spec.type} job" + (f" for table {spec.target.table_name!r}" if hasattr(spec, "target") else "")
    if templated:
        about += f", with its templates filled in for the data interval {interval.to_wire()}"
    return {"file": name, "valid": True, "message": f"{about}."}


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
