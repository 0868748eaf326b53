"""
The first page: all tables, and the newest jobs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.pages.job_labels import job_table, table_href
from airflow_provider_polaris.emulator.pages.layout import Site, page
from airflow_provider_polaris.emulator.pages.markup import Html, card, cell, grid, number, size, tag
from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX

_MOST_JOBS: Final = 10


def index_page(site: Site, tables: Sequence[Mapping[str, Any]], jobs: Sequence[Job]) -> str:
    """
    Return the page with all tables and the newest jobs.

    :param site: For the frame.
    :param tables: Summaries of tables.
    :param jobs: All jobs in the order of their creation.
    """
    newest = list(reversed(jobs))[:_MOST_JOBS]
    active = sum(not job.is_terminal for job in jobs)
    failed = sum(job.status == "failed" for job in jobs)
    rows = sum(table["totalRows"] for table in tables)
    more = tag("p", tag("a", f"All {len(jobs):,} jobs, with filters", href=f"{CONTROL_PREFIX}/jobs"))
    return page(
        site,
        "Overview",
        tag("h1", "Overview"),
        tag(
            "div",
            _tile(f"{len(tables):,}", "tables"),
            _tile(f"{rows:,}", "rows"),
            _tile(f"{active:,}", "unfinished jobs"),
            _tile(f"{failed:,}", "failed jobs", href=f"{CONTROL_PREFIX}/jobs?status=failed" if failed else None),
            class_="tiles",
            id="totals",
            data_live=True,
        ),
        card("Tables", _tables(tables), live="tables"),
        card("Newest jobs", job_table("Jobs", newest, "There are no jobs yet."), more if jobs else None, live="jobs"),
        here="Overview",
        refreshes=active > 0,
    )


def _tile(value: str, name: str, href: str | None = None) -> Html:
    shown = tag("b", value)
    return tag("div", tag("a", shown, href=href) if href else shown, tag("span", name), class_="tile")


def _tables(tables: Sequence[Mapping[str, Any]]) -> Html:
    rows = (
        (
            cell(tag("a", table["name"], href=table_href(table["name"]))),
            cell(table["type"]),
            cell(table["partitioningGranularity"]),
            cell(table["availability"]),
            number(table["totalRows"]),
            number(table["segmentCount"]),
            cell(size(table["totalDataSizeBytes"]), class_="number"),
        )
        for table in sorted(tables, key=lambda one: str(one["name"]))
    )
    headings = ["Name", "Type", "Partitioned by", "Availability", "#Rows", "#Segments", "#Size"]
    return grid("Tables", headings, rows, "There are no tables yet.")
