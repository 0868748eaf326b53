"""
The page of a table: what it is, its segments on a line of time, its columns and its first rows.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from airflow_provider_polaris.emulator.catalog.maintenance import GRACE
from airflow_provider_polaris.emulator.engine import EVERYTHING, REALTIME, UNUSED, Segment, Store, Tables, run_query
from airflow_provider_polaris.emulator.pages.layout import Site, page
from airflow_provider_polaris.emulator.pages.markup import (
    Html,
    card,
    cell,
    facts,
    grid,
    grouped,
    heading,
    number,
    reach,
    size,
    span,
    tag,
    when,
)
from airflow_provider_polaris.emulator.pages.timeline import Lane, timeline
from airflow_provider_polaris.emulator.wire.intervals import format_instant
from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX

_MOST_SEGMENTS: Final = 100
_MOST_ROWS: Final = 20
_NUMBERS: Final = frozenset({"long", "double", "float"})


def table_page(site: Site, table: Mapping[str, Any], tables: Tables, store: Store, *, has_active_jobs: bool) -> str:
    """
    Return the page of a table.

    :param site: For the frame.
    :param table: The table as describe shows it.
    :param tables: Where its segments are.
    :param store: Where its rows are.
    :param has_active_jobs: Whether a job that reads or writes it has not ended.
    """
    name = str(table["name"])
    jobs = f"{CONTROL_PREFIX}/jobs?{urlencode({'table': name})}"
    return page(
        site,
        name,
        tag("p", f"{table['type']} table", class_="eyebrow"),
        tag("h1", name),
        tag("p", tag("a", "Jobs of this table", href=jobs)),
        card("Details", _facts(table), live="details"),
        card("Segments", *_segments(name, tables), live="segments"),
        card("Columns", _columns(table), live="columns"),
        card("First rows", _rows(name, tables, store), live="rows", note=f"At most {_MOST_ROWS}, the oldest first."),
        refreshes=has_active_jobs,
    )


def _facts(table: Mapping[str, Any]) -> Html:
    policy = json.dumps(table["storagePolicy"]) if "storagePolicy" in table else "keeps everything"
    total, precached = table["totalDataSizeBytes"], table["precachedDataSizeBytes"]
    cached = "all precached" if total == precached else f"{size(precached)} precached"
    return facts(
        (
            ("Rows", grouped(table["totalRows"])),
            ("Segments", grouped(table["segmentCount"])),
            ("Size", f"{size(total)}, {cached}"),
            ("Availability", tag("span", table["availability"], class_=f"badge {table['availability']}")),
            ("Partitioned by", table["partitioningGranularity"]),
            ("Schema", table["schemaMode"]),
            ("Storage policy", policy),
            ("Created by", table["createdByUser"]["username"]),
            ("Created", when(str(table["createdOnTimestamp"]))),
        )
    )


def _segments(name: str, tables: Tables) -> Iterable[Html]:
    live = tables.used_segments(name)
    realtime = tables.used_segments(name, seen=REALTIME)
    unused = tables.used_segments(name, seen=UNUSED)
    replaced, deleted = _apart(unused, live)
    lanes = [
        Lane("Live", "what jobs and queries read", live),
        Lane("Real-time", "streamed in and not handed off: queries see them, jobs don't", realtime),
        Lane("Replaced", "not used any more, and live rows are at their place", replaced, stacked=True),
        Lane("Deleted", "not used any more, and nothing is at their place", deleted, stacked=True),
    ]
    drawn = [lane for lane in lanes if lane.segments]
    yield timeline(drawn) if drawn else tag("p", "The table has no segments.", class_="muted")
    for lane in drawn:
        listed = _segment_table(lane.name, lane.segments, since="Gone since" if lane.stacked else "Since")
        summary = tag("summary", f"{lane.name} segments" + _how_many(lane.segments), id=f"{lane.slug}-summary")
        yield tag("details", summary, listed, id=lane.slug)


def _apart(unused: Sequence[Segment], live: Sequence[Segment]) -> tuple[list[Segment], list[Segment]]:
    """Tell unused segments at whose place something live is from those at whose place nothing is."""
    taken = sorted({segment.interval for segment in live})
    ends = [end for _, end in taken]  # ascending: used chunks are disjoint or the same
    replaced: list[Segment] = []
    deleted: list[Segment] = []
    for one in unused:
        start, end = one.interval
        position = bisect_right(ends, start)
        is_covered = position < len(taken) and taken[position][0] < end
        (replaced if is_covered else deleted).append(one)
    return replaced, deleted


def _how_many(segments: Sequence[Segment]) -> str:
    return (
        f" (the first {_MOST_SEGMENTS} of {len(segments):,})"
        if len(segments) > _MOST_SEGMENTS
        else f" ({len(segments)})"
    )


def _segment_table(label: str, segments: Sequence[Segment], since: str) -> Html:
    ends = ["Kept until"] if since == "Gone since" else []
    headings = ["Interval", "#Rows", "#Size", "Version", "#Partition", since, *ends]
    rows = (
        [
            cell(reach(span(segment.interval))),
            number(segment.rows),
            cell(size(segment.size_bytes), class_="number"),
            cell(segment.version),
            number(segment.partition_number),
            cell(when(format_instant(segment.last_updated))),
            *(cell(when(format_instant(segment.last_updated + GRACE))) for _ in ends),
        ]
        for segment in segments[:_MOST_SEGMENTS]
    )
    return grid(f"{label} segments", headings, rows, "There are none.")


def _rows(name: str, tables: Tables, store: Store) -> Html:
    quoted = '"' + name.replace('"', '""') + '"'
    sql = f'SELECT * FROM {quoted} ORDER BY "__time" LIMIT {_MOST_ROWS}'
    found = run_query(sql, tables, store, seen=lambda _: EVERYTHING)
    kinds = [column.data_type for column in found.columns]
    headings = [heading(column.name, is_number=column.data_type in _NUMBERS) for column in found.columns]
    rows = ([_value(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in found.rows)
    return grid("First rows", headings, rows, "The table is empty.")


def _value(value: object, data_type: str) -> Html:
    if value is None:
        return cell(tag("i", "null"), class_="muted")
    shown = json.dumps(value, ensure_ascii=False) if isinstance(value, (bool, list, dict)) else value
    return cell(shown, class_="number" if data_type in _NUMBERS else "interval" if data_type == "timestamp" else None)


def _columns(table: Mapping[str, Any]) -> Html:
    kinds = {column["name"]: column.get("type") for column in table["schema"]}
    rows = (
        [
            cell(column["name"]),
            cell(column["dataType"]),
            cell("discovered" if column["isDiscovered"] else kinds.get(column["name"]) or "declared"),
        ]
        for column in table["queryableSchema"]
    )
    return grid("Columns", ["Name", "Data type", "Kind"], rows, "There are none.")
