# SPDX-License-Identifier: Apache-2.0
"""
Load the templates, the style and the script, and build the headers that allow a browser to run only that script.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension

from airflow_provider_polaris.emulator.pages.formats import breakable, duration, grouped, span
from airflow_provider_polaris.emulator.pages.job_labels import (
    adds_rows,
    intervals_of,
    job_href,
    kind_of,
    source_of,
    table_href,
    title_of,
)
from airflow_provider_polaris.emulator.wire.identifiers import rfc3339
from airflow_provider_polaris.emulator.wire.intervals import format_instant
from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX

_HERE: Final = Path(__file__).parent
_STYLE: Final = (_HERE / "console.css").read_text(encoding="utf-8")
_SCRIPT: Final = (_HERE / "console.js").read_text(encoding="utf-8")
# Without an icon, browsers request /favicon.ico and report that it is missing.
_ICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%230b62d6' "
    "d='M8 0l1.9 6.1L16 8l-6.1 1.9L8 16l-1.9-6.1L0 8l6.1-1.9z'/%3E%3C/svg%3E"
)
#: Seconds after which a page is requested again, with and without the script.
_REFRESH: Final = 2
_REFRESH_WITHOUT_SCRIPT: Final = 5


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


#: Headers of every page.
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; connect-src 'self'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class _LineBreaks(Extension):
    """Drop the line breaks beside tags, with the indentation: they lay out a template, not the page."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002
        """Return a template's source without them; Jinja calls this before it compiles one."""
        return re.sub(r"(?<=[>}])\n\s*|\n\s*(?=[<{])", "", source)


#: The templates; every value that isn't markup is escaped.
TEMPLATES: Final = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    extensions=[_LineBreaks],
)
TEMPLATES.filters.update(
    adds_rows=adds_rows,
    breakable=breakable,
    duration=duration,
    format_instant=format_instant,
    grouped=grouped,
    intervals_of=intervals_of,
    job_href=job_href,
    kind_of=kind_of,
    rfc3339=rfc3339,
    source_of=source_of,
    span=span,
    table_href=table_href,
    title_of=title_of,
)
TEMPLATES.globals.update(
    home=CONTROL_PREFIX,
    icon=_ICON,
    style=_STYLE,
    script=_SCRIPT,
    refresh=_REFRESH,
    refresh_without_script=_REFRESH_WITHOUT_SCRIPT,
)


@dataclass(frozen=True)
class Site:
    """
    Values in the frame of every page.

    :param project_id: The project.
    :param version: Version of the package.
    :param progression: How time advances for jobs.
    :param notice: A sentence about the active faults; None if there are none.
    """

    project_id: str
    version: str
    progression: str
    notice: str | None = None


def render(template: str, site: Site, **values: object) -> str:
    """
    Return a whole page.

    :param template: Name of its template, which extends ``layout.html``. It sets the title, and ``here`` to its item
        of the navigation. ``follows`` (default true) lets the script update the page. ``refreshes`` (default false)
        makes a browser without the script reload it, which discards what a person has typed.
    :param site: Values of the frame.
    :param values: Values of the template.
    """
    return TEMPLATES.get_template(template).render(site=site, **values)


def error_page(site: Site, title: str, message: str) -> str:
    """Return a page with an error message."""
    return render("error.html", site, title=title, message=message)
