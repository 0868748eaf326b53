"""
The pages that a person reads: an index of tables and jobs, one page for each. Plain HTML, no scripts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final
from urllib.parse import quote

from airflow_provider_polaris.emulator.engine import EVERYTHING, REALTIME, Segment, Store, Tables, run_query
from airflow_provider_polaris.emulator.intervals import format_instant
from airflow_provider_polaris.emulator.job import Job, full

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 70rem; margin: 2rem auto;
       padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { background: #f5f5f5; padding: .8rem; overflow-x: auto; }
.completed { color: #116329; } .failed { color: #a40e26; } .canceled { color: #7d4e00; }
a { color: #0550ae; }
"""
_UP: Final = '<p><a href="/__emulator__/">All tables and jobs</a></p>'
_MOST_SEGMENTS: Final = 100
_MOST_ROWS: Final = 20


def index_page(tables: Sequence[Mapping[str, Any]], jobs: Sequence[Job]) -> str:
    """
    Return the page with all tables and the newest jobs.

    :param tables: Summaries of tables.
    :param jobs: All jobs in the order of their creation; the newest hundred are shown.
    """
    table_rows = (
        [
            f'<td><a href="/__emulator__/tables/{quote(table["name"], safe="")}">{escape(table["name"])}</a></td>',
            _cell(table["type"]),
            _cell(table["partitioningGranularity"]),
            _number(table["totalRows"]),
            _number(table["segmentCount"]),
        ]
        for table in sorted(tables, key=lambda one: str(one["name"]))
    )
    newest = list(reversed(jobs))[:100]
    job_rows = (
        [
            f'<td><a href="/__emulator__/jobs/{escape(job.id)}">{escape(job.id)}</a></td>',
            _status(job),
            _cell(_path(job)),
            _cell(_interval(job)),
            _number((job.totals or {}).get("numRowsProcessed")),
            _number((job.totals or {}).get("numRowsPersisted")),
        ]
        for job in newest
    )
    heading = "Jobs" if len(newest) == len(jobs) else f"Jobs (the newest {len(newest)} of {len(jobs)})"
    return _page(
        "Polaris emulator",
        "<h2>Tables</h2>"
        + _table(["Name", "Type", "Partitioned by", "#Rows", "#Segments"], table_rows, "There are no tables yet.")
        + f"<h2>{heading}</h2>"
        + _table(
            ["Id", "Status", "From → to", "Interval", "#Rows in", "#Rows out"], job_rows, "There are no jobs yet."
        ),
    )


def job_page(job: Job) -> str:
    """Return the page of a job: status, totals, SQL, log entries, specification."""
    shown = full(job)
    facts = {
        "Status": job.status,
        "Desired status": job.desired,
        "Health": " ".join(str(job.health[key]) for key in ("status", "code", "message") if key in job.health),
        "Created": f"{shown['createdTimestamp']} by {job.created_by['username']}",
        "Started": shown["startedTimestamp"] or "–",
        "Completed": shown["completedTimestamp"] or "–",
    }
    facts_rows = ([f"<th>{escape(name)}</th>", _cell(value)] for name, value in facts.items())
    totals_rows = ([_cell(name), _number(value)] for name, value in (job.totals or {}).items() if value is not None)
    log_rows = ([_cell(entry[key]) for key in ("timestamp", "healthStatus", "code", "message")] for entry in job.log)
    return _page(
        f"Job {job.id}",
        _UP
        + _table([], facts_rows, "")
        + "<h2>Metrics</h2>"
        + _table([], totals_rows, "The job has not completed.")
        + ("" if job.query is None else f"<h2>SQL</h2><pre>{escape(job.query)}</pre>")
        + "<h2>Log</h2>"
        + _table(["Time", "Health", "Code", "Message"], log_rows, "There are no entries.")
        + f"<h2>Specification</h2><pre>{escape(json.dumps(shown['spec'], indent=2, ensure_ascii=False))}</pre>",
    )


def table_page(table: Mapping[str, Any], tables: Tables, store: Store) -> str:
    """
    Return the page of a table: columns, segments, first rows.

    :param table: The table as describe shows it.
    :param tables: Where its segments are.
    :param store: Where its rows are.
    """
    name = str(table["name"])
    facts = {
        "Type": table["type"],
        "Partitioned by": table["partitioningGranularity"],
        "Rows": f"{table['totalRows']:,}",
        "Segments": f"{table['segmentCount']:,}",
        "Availability": table["availability"],
        "Bytes": f"{table['totalDataSizeBytes']:,}, precached {table['precachedDataSizeBytes']:,}",
        "Storage policy": json.dumps(table["storagePolicy"]) if "storagePolicy" in table else "keeps everything",
    }
    kinds = {column["name"]: column.get("type", "") for column in table["schema"]}
    column_rows = (
        [
            _cell(column["name"]),
            _cell(column["dataType"]),
            _cell("discovered" if column["isDiscovered"] else kinds.get(column["name"], "")),
        ]
        for column in table["queryableSchema"]
    )
    quoted = '"' + name.replace('"', '""') + '"'
    sql = f'SELECT * FROM {quoted} ORDER BY "__time" LIMIT {_MOST_ROWS}'
    found = run_query(sql, tables, store, seen=lambda _: EVERYTHING)
    head = [f"<th>{escape(column.name)}</th>" for column in found.columns]
    value_rows = [[_cell("null" if value is None else value) for value in row] for row in found.rows]
    return _page(
        f"Table {name}",
        _UP
        + _table([], ([f"<th>{escape(key)}</th>", _cell(value)] for key, value in facts.items()), "")
        + "<h2>Columns</h2>"
        + _table(["Name", "Data type", "Kind"], column_rows, "")
        + _segments("Segments", tables.used_segments(name), "There are none.")
        + _segments("Real-time rows", tables.used_segments(name, seen=REALTIME), "There are none.")
        + _segments(
            "Unused segments (replaced or softly deleted)",
            tables.unused_segments(name, limit=_MOST_SEGMENTS + 1),
            "There are none.",
        )
        + "<h2>First rows</h2>"
        + _table([], [head, *value_rows] if value_rows else [], "The table is empty."),
    )


def _segments(heading: str, segments: Sequence[Segment], empty: str) -> str:
    rows = (
        [
            _cell("/".join(map(format_instant, segment.interval))),
            _cell(segment.version),
            _number(segment.partition_number),
            _number(segment.rows),
            _number(segment.size_bytes),
            _cell(format_instant(segment.last_updated)),
        ]
        for segment in segments[:_MOST_SEGMENTS]
    )
    first = f" (the first {_MOST_SEGMENTS})" if len(segments) > _MOST_SEGMENTS else ""
    headings = ["Interval", "Version", "#Partition", "#Rows", "#Bytes", "Since"]
    return f"<h2>{heading}{first}</h2>" + _table(headings, rows, empty)


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>"
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> str:
    lines = ["<tr>" + "".join(row) + "</tr>" for row in rows]
    if not lines:
        return f"<p>{escape(empty)}</p>"
    marks = ("<th>" + escape(name) + "</th>" if name[0] != "#" else _heading(name[1:]) for name in headings)
    head = "<tr>" + "".join(marks) + "</tr>" if headings else ""
    return f"<table>{head}{''.join(lines)}</table>"


def _heading(name: str) -> str:
    return f'<th class="number">{escape(name)}</th>'


def _cell(value: object) -> str:
    return f"<td>{escape(str(value))}</td>"


def _number(value: int | None) -> str:
    return f'<td class="number">{"–" if value is None else format(value, ",")}</td>'


def _status(job: Job) -> str:
    return f'<td class="{escape(job.status)}">{escape(job.status)}</td>'


def _path(job: Job) -> str:
    """Say where a job's rows come from and go to, or what else it does to which table."""
    if not job.source:
        return f"{job.type} {job.target_name}"
    named = ("tableName", "connectionName", "type")
    source = next(str(job.source[key]) for key in named if key in job.source)
    return f"{source} → {job.target_name}"


def _interval(job: Job) -> str:
    if job.spec.get("ingestionMode") == "append" or job.type == "streaming":
        return "appends"
    if job.type == "restore_data":
        return str(job.spec["interval"])
    return ", ".join(job.spec["target"]["intervals"]) or "everything"
