"""
Templates in files of job specs, filled in for a made-up run: what only a real run has can't be known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Final

import pendulum
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from airflow_provider_polaris import macros
from airflow_provider_polaris.cli.running import CommandError
from airflow_provider_polaris.jobs.interval import Interval

_MACROS: Final = SimpleNamespace(
    polaris=SimpleNamespace(
        interval=macros.interval,
        floor=macros.floor,
        shift=macros.shift,
        aged_window=macros.aged_window,
        split=macros.split,
    )
)


def has_templates(text: str) -> bool:
    """Return whether a text has something to fill in."""
    return "{{" in text or "{%" in text


def fill_in(text: str, interval: Interval, params: Mapping[str, str]) -> str:
    """
    Render a text.

    :param text: With Jinja templates.
    :param interval: Data interval of the made-up run, which is taken for one of a data-interval timetable.
    :param params: Its params.
    :raises CommandError: A template is broken, or asks for something that only a real run has.
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
    # Autoescaping would break JSON; nothing of this is shown in a browser.
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    try:
        return environment.from_string(text).render(known)
    except TemplateError as error:
        raise CommandError(
            f"a template can't be filled in: {error}. Known here are {', '.join(sorted(known))}; give params with "
            "--param NAME=VALUE."
        ) from None
