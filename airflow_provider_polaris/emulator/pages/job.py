"""
The page of a job: what it is, how far it is, what it counted, and everything that it was told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from airflow_provider_polaris.emulator.jobs.job import Job, full
from airflow_provider_polaris.emulator.jobs.status_update import check_desired
from airflow_provider_polaris.emulator.pages.job_labels import (
    badge,
    job_href,
    kind_of,
    reach_of,
    source_of,
    table_href,
    title_of,
)
from airflow_provider_polaris.emulator.pages.layout import Site, page
from airflow_provider_polaris.emulator.pages.markup import (
    Html,
    card,
    cell,
    code,
    duration,
    facts,
    grid,
    grouped,
    instant,
    joined,
    size,
    tag,
    when,
)
from airflow_provider_polaris.emulator.status_machine import Progression
from airflow_provider_polaris.emulator.wire.errors import ApiError

_TOTALS: Final[Mapping[str, str]] = {
    "numRowsProcessed": "rows processed",
    "numRowsPersisted": "rows persisted",
    "numRowsSkippedByError": "rows skipped by error",
    "numRowsSkippedByFilter": "rows skipped by filter",
    "numRowsProcessedWithWarning": "rows with warnings",
    "numBytesProcessed": "processed",
}


def job_page(site: Site, job: Job, fraction: float, progression: Progression, known_tables: frozenset[str]) -> str:
    """
    Return the page of a job.

    :param site: For the frame.
    :param job: The job as replies show it.
    :param fraction: How much of it is done, 0 to 1.
    :param progression: How time passes for it.
    :param known_tables: Names of the tables that have a page.
    """
    shown = full(job)
    percent = f"{fraction:.0%} " if _has_progress(job) else ""
    return page(
        site,
        f"{percent}{job.status}: {title_of(job)}",
        tag("p", kind_of(job.type), class_="eyebrow"),
        tag("h1", title_of(job)),
        tag("p", job.id, class_="id"),
        tag("div", _state(job, fraction, progression), id="state", data_live=True),
        card("Details", _facts(job, known_tables), live="details"),
        card("Metrics", _metrics(job), live="metrics"),
        card("Log", _log(job), live="log"),
        None if job.query is None else card("SQL", code("SQL", job.query)),
        card("Specification", code("Specification", json.dumps(shown["spec"], indent=2, ensure_ascii=False))),
        here="Jobs",
        follows=not job.is_terminal,
        refreshes=not job.is_terminal,
    )


def _has_progress(job: Job) -> bool:
    return job.type == "batch" and not job.is_terminal


def _state(job: Job, fraction: float, progression: Progression) -> Html:
    percent = round(fraction * 100)
    bar = joined(
        tag("progress", f"{percent} %", max=100, value=percent, aria_label="Progress"),
        tag("span", f"{percent} %", class_="percent"),
    )
    health = job.health
    message = health.get("message") or (health.get("log") or {}).get("message")
    kind = "error" if health["status"] == "error" and job.status == "failed" else "warn"
    told = None
    if "code" in health:
        told = tag("p", tag("b", str(health["code"])), joined(" ", message), class_=f"callout {kind}")
    return joined(
        tag("p", badge(job), bar if _has_progress(job) else None, class_="status", role="status"),
        told,
        None if job.is_terminal else tag("p", _patience(job, progression), class_="muted"),
        _cancel(job),
    )


def _patience(job: Job, progression: Progression) -> str:
    """Say what has to happen for an unfinished job to end."""
    if job.type == "streaming":
        return "It runs until it is canceled."
    if progression.kind == "seconds":
        return f"Here a job takes {progression.amount:g} s."
    if progression.is_immediate:
        return "Here a job ends with the next request to the API. Looking at this page is none."
    looks = f"{progression.amount:g} answers of the API have shown its status"
    return f"Here a job ends when {looks}. This page is none of them: while no client asks, the job stands still."


def _cancel(job: Job) -> Html | None:
    try:
        check_desired(job, "canceled")
    except ApiError:
        return None
    if job.desired == "canceled":
        return None
    button = tag("button", "Cancel job", type="submit", class_="danger", id="cancel")
    return tag("form", button, method="post", action=f"{job_href(job.id)}/cancel")


def _facts(job: Job, known_tables: frozenset[str]) -> Html:
    values: list[tuple[str, object]] = []
    source = source_of(job)
    if source is not None:
        is_table = job.source.get("type") == "table"
        values.append(("From", _table_link(source, known_tables) if is_table else source))
    values.append(("Table", _table_link(job.target_name, known_tables)))
    if "ingestionMode" in job.spec:
        values.append(("Mode", job.spec["ingestionMode"]))
    if job.spec.get("ingestionMode") != "append" and job.type != "streaming":
        values.append(("Interval", reach_of(job)))
    values += [
        ("Created by", job.created_by["username"]),
        ("Created", instant(job.created)),
        ("Started", instant(job.started)),
        *_end(job),
    ]
    if job.desired != "running":
        values.append(("Asked to be", joined(job.desired, " by ", job.modified_by["username"])))
    values += [
        (key, tag("code", value if isinstance(value, str) else json.dumps(value)))
        for key, value in job.spec.get("context", {}).items()
    ]
    return facts(values)


def _end(job: Job) -> list[tuple[str, object]]:
    if job.completed is not None:
        began = job.created if job.started is None else job.started
        return [("Completed", instant(job.completed)), ("Ran for", duration(job.completed - began))]
    if job.is_terminal and job.log:
        return [(job.status.capitalize(), when(str(job.log[-1]["timestamp"])))]
    return [("Completed", "–")]


def _table_link(name: str, known_tables: frozenset[str]) -> object:
    return tag("a", name, href=table_href(name)) if name in known_tables else joined(name, " (no such table)")


def _metrics(job: Job) -> Html:
    if job.totals is None:
        silent = "The job has not completed." if job.type == "batch" else "Only ingestion jobs that completed have any."
        return tag("p", silent, class_="muted")
    tiles = [
        tag("div", tag("b", _amount(key, job.totals[key])), tag("span", name), class_="tile")
        for key, name in _TOTALS.items()
        if job.totals.get(key) is not None
    ]
    return tag("div", *tiles, class_="tiles")


def _amount(key: str, value: int) -> str:
    return size(value) if key == "numBytesProcessed" else grouped(value)


def _log(job: Job) -> Html:
    rows = (
        [
            cell(when(str(entry["timestamp"])), label="Time"),
            cell(entry["healthStatus"], label="Health"),
            cell(entry["code"], label="Code"),
            cell(entry["message"], label="Message"),
        ]
        for entry in job.log
    )
    return grid("Log", ["Time", "Health", "Code", "Message"], rows, "There are no entries.", stacks="log")
