# SPDX-License-Identifier: Apache-2.0
"""
Render the page of a table: its details, timeline of segments, columns and first rows.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Final

from airflow_provider_polaris.emulator.catalog.maintenance import GRACE
from airflow_provider_polaris.emulator.engine import EVERYTHING, REALTIME, UNUSED, Segment, Store, Tables, run_query
from airflow_provider_polaris.emulator.pages.layout import Site, render
from airflow_provider_polaris.emulator.pages.timeline import Lane, draw

_MOST_SEGMENTS: Final = 100
_MOST_ROWS: Final = 20
_NUMBERS: Final = frozenset({"long", "double", "float"})


def table_page(site: Site, table: Mapping[str, Any], tables: Tables, store: Store, *, has_active_jobs: bool) -> str:
    """
    Return the page of a table.

    :param site: Values of the frame.
    :param table: The table as the API describes it.
    :param tables: The engine's tables, for the segments.
    :param store: The database, for the rows.
    :param has_active_jobs: Whether an active job reads or writes the table.
    """
    name = str(table["name"])
    lanes = _lanes(name, tables)
    columns, rows = _first_rows(name, tables, store)
    return render(
        "table.html",
        site,
        table=table,
        policy=json.dumps(table["storagePolicy"]) if "storagePolicy" in table else "keeps everything",
        lanes=lanes,
        timeline=draw(lanes) if lanes else None,
        most_segments=_MOST_SEGMENTS,
        grace=GRACE,
        kinds={column["name"]: column.get("type") for column in table["schema"]},
        most_rows=_MOST_ROWS,
        columns=list(columns),
        numbers=[column for column, data_type in columns.items() if data_type in _NUMBERS],
        rows=rows,
        refreshes=has_active_jobs,
    )


def _lanes(name: str, tables: Tables) -> list[Lane]:
    live = tables.used_segments(name)
    realtime = tables.used_segments(name, seen=REALTIME)
    unused = tables.used_segments(name, seen=UNUSED)
    replaced, deleted = _apart(unused, live)
    lanes = [
        Lane("Live", "read by jobs and queries", live),
        Lane("Real-time", "streamed and not handed off: queries read them, jobs don't", realtime),
        Lane("Replaced", "no longer used; live rows have replaced them", replaced, stacked=True),
        Lane("Deleted", "no longer used; no live rows are in their place", deleted, stacked=True),
    ]
    return [lane for lane in lanes if lane.segments]


def _apart(unused: Sequence[Segment], live: Sequence[Segment]) -> tuple[list[Segment], list[Segment]]:
    """Split unused segments: live segments cover the first ones, and none covers the others."""
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


def _first_rows(name: str, tables: Tables, store: Store) -> tuple[dict[str, str], list[list[tuple[str, object]]]]:
    """Return the data types of the columns, and rows of values with the class of their cells."""
    quoted = '"' + name.replace('"', '""') + '"'
    sql = f'SELECT * FROM {quoted} ORDER BY "__time" LIMIT {_MOST_ROWS}'
    found = run_query(sql, tables, store, seen=lambda _: EVERYTHING)
    columns = {column.name: column.data_type for column in found.columns}
    return columns, [[_value(*each) for each in zip(row, columns.values(), strict=True)] for row in found.rows]


def _value(value: object, data_type: str) -> tuple[str, object]:
    if value is None:
        return "muted", None
    shown = json.dumps(value, ensure_ascii=False) if isinstance(value, (bool, list, dict)) else value
    return "number" if data_type in _NUMBERS else "interval" if data_type == "timestamp" else "", shown
