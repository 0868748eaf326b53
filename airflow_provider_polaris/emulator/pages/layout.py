"""
What all pages share: frame, style, script, and the headers that let a browser run nothing but that script.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_provider_polaris.emulator.pages.markup import Html, joined, tag
from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX

_HERE: Final = Path(__file__).parent
_STYLE: Final = (_HERE / "console.css").read_text(encoding="utf-8")
_SCRIPT: Final = (_HERE / "console.js").read_text(encoding="utf-8")
# Without an icon browsers ask for /favicon.ico, and report that there is none.
_ICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%230b62d6' "
    "d='M8 0l1.9 6.1L16 8l-6.1 1.9L8 16l-1.9-6.1L0 8l6.1-1.9z'/%3E%3C/svg%3E"
)
#: Seconds after which a page is asked for again, by the script and without it.
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


@dataclass(frozen=True)
class Site:
    """
    What the frame of every page says.

    :param project_id: The project.
    :param version: Version of the package.
    :param progression: How time passes for jobs.
    :param notice: A sentence about what the control plane was told to do wrong; None for nothing.
    """

    project_id: str
    version: str
    progression: str
    notice: str | None = None


def page(site: Site, title: str, *body: object, here: str = "", follows: bool = True, refreshes: bool = False) -> str:
    """
    Return a whole page.

    :param site: For its frame.
    :param title: Its title.
    :param body: What it shows.
    :param here: Which item of the navigation it belongs to.
    :param follows: Whether the script keeps it up to date.
    :param refreshes: Whether it is loaded again without the script, too: what a person has typed is lost by that.
    """
    again = tag("meta", http_equiv="refresh", content=str(_REFRESH_WITHOUT_SCRIPT))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · Polaris emulator"),
        tag("link", rel="icon", href=_ICON),
        tag("style", Html(_STYLE)),
        tag("noscript", again) if refreshes else None,
    )
    notice = None if site.notice is None else tag("p", site.notice, class_="callout warn")
    whole = tag(
        "html",
        head,
        tag(
            "body",
            tag("a", "Skip to content", href="#main", class_="skip"),
            _header(here),
            tag("main", notice, *body, id="main", tabindex="-1"),
            _footer(site, follows=follows),
            tag("script", Html(_SCRIPT)),
            data_refresh=_REFRESH if follows else None,
        ),
        lang="en",
    )
    return f"<!doctype html>\n{whole}\n"


def error_page(site: Site, title: str, message: str) -> str:
    """Return the page that says why there is no other."""
    way_back = tag("p", tag("a", "All tables and jobs", href=f"{CONTROL_PREFIX}/"))
    return page(site, title, tag("h1", title), tag("p", message, class_="callout error"), way_back, follows=False)


def _header(here: str) -> Html:
    places = (("Overview", f"{CONTROL_PREFIX}/"), ("Jobs", f"{CONTROL_PREFIX}/jobs"))
    links = (tag("a", name, href=href, aria_current="page" if name == here else None) for name, href in places)
    brand = tag("span", tag("b", "Polaris"), " emulator", class_="brand")
    return tag("header", tag("div", brand, tag("nav", *links, aria_label="Console"), class_="inner"))


def _footer(site: Site, *, follows: bool) -> Html:
    # Shown by the script, without which there is nothing to pause.
    pause = tag("button", "Pause", type="button", id="pause", aria_pressed="false")
    seconds = tag("span", f"This page shows changes by itself, every {_REFRESH} seconds.", id="liveness", role="status")
    return tag(
        "footer",
        tag("p", seconds, " ", pause, id="following", hidden=True) if follows else None,
        tag(
            "p",
            joined("Project ", tag("code", site.project_id)),
            f" · progression {site.progression} · version {site.version}",
        ),
        tag(
            "p",
            "A local emulator, not Imply's service. Reading its pages is no look at a job. ",
            tag("a", "Faults", href=f"{CONTROL_PREFIX}/faults"),
            " · ",
            tag("a", "Assumptions", href=f"{CONTROL_PREFIX}/assumptions"),
            " · ",
            tag("a", "Counters", href=f"{CONTROL_PREFIX}/counters"),
        ),
    )
