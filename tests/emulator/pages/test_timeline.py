# SPDX-License-Identifier: Apache-2.0
"""Segments on a timeline: their position, their height, and the limit of marks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_polaris.emulator.engine import Segment
from airflow_provider_polaris.emulator.pages.formats import short
from airflow_provider_polaris.emulator.pages.layout import TEMPLATES
from airflow_provider_polaris.emulator.pages.timeline import Lane, draw
from airflow_provider_polaris.emulator.wire.intervals import EARLIEST, LATEST, format_instant

DAY = timedelta(days=1)
START = datetime(2024, 6, 1, tzinfo=timezone.utc)


def segment(start: datetime, end: datetime, rows: int = 10, version: str = "v1", partition: int = 0) -> Segment:
    """Return a segment of which only the drawn values matter."""
    return Segment(
        id=f"{start}{end}{version}{partition}",
        table="t",
        interval=(start, end),
        version=version,
        partition_number=partition,
        rows=rows,
        size_bytes=1,
        used=True,
        created=START,
        last_updated=START,
    )


def days(first: int, count: int = 1, **fields) -> Segment:
    """Return a segment by its first day, from 0."""
    return segment(START + first * DAY, START + (first + count) * DAY, **fields)


def timeline(lanes: list[Lane]) -> str:
    """Return the values of the drawing."""
    return TEMPLATES.get_template("timeline.html").render(timeline=draw(lanes))


def rects(drawn: str) -> list[tuple[str, str, str, str]]:
    """Return x, width, y and height of the marks."""
    return re.findall(r'<rect x="(.*?)" width="(.*?)" y="(.*?)" height="(.*?)" rx', drawn)


def labels(drawn: str) -> list[str]:
    """Return the texts of the axis."""
    return re.findall(r"<text[^>]*>(.*?)</text>", drawn)


def test_marks_lie_where_their_time_is_and_are_as_high_as_their_rows() -> None:
    """Four days: the first two with rows, a gap, the last one with half of them."""
    drawn = timeline([Lane("Live", "m", [days(0, rows=100), days(1, rows=100), days(3, rows=50)])])
    assert rects(drawn) == [
        ("0.000%", "25.000%", "0.0", "48.0"),
        ("25.000%", "25.000%", "0.0", "48.0"),
        ("75.000%", "25.000%", "21.6", "26.4"),
    ]
    assert "<title>2024-06-04/2024-06-05: 50 rows in 1 segment, version v1</title>" in drawn
    assert (
        'aria-label="Live: 3 segments, 250 rows, drawn over 2024-06-01/2024-06-05; the tables below list them"' in drawn
    )


def test_segments_of_one_interval_and_version_are_one_mark() -> None:
    """Partitions of a chunk share a mark; their rows are summed."""
    drawn = timeline([Lane("Live", "m", [days(0, rows=3), days(0, rows=4, partition=1)])])
    assert "<title>2024-06-01/2024-06-02: 7 rows in 2 segments, version v1</title>" in drawn
    assert len(rects(drawn)) == 1


def test_versions_that_overlap_lie_above_each_other_when_stacked() -> None:
    """Three versions of one day on three levels, a day beside them on the first; beyond five they share the last."""
    old = [days(0, version=f"v{number}") for number in range(3)]
    drawn = timeline([Lane("Replaced", "m", [*old, days(1)], stacked=True)])
    assert [y for _, _, y, _ in rects(drawn)] == ["1", "17", "33", "1"]
    many = timeline([Lane("Replaced", "m", [days(0, version=f"v{number}") for number in range(9)], stacked=True)])
    assert [y for _, _, y, _ in rects(many)] == ["1", "17", "33", "49", "65", "65", "65", "65", "65"]


def test_lanes_share_one_axis() -> None:
    """The extent of one lane also limits the others."""
    drawn = timeline([Lane("Live", "m", [days(0)]), Lane("Deleted", "m", [days(3)], stacked=True)])
    assert [(x, width) for x, width, _, _ in rects(drawn)] == [("0.000%", "25.000%"), ("75.000%", "25.000%")]


def test_all_of_time_is_drawn_as_wide_as_the_rest_or_alone() -> None:
    """A table partitioned by 'all' has one segment without ends."""
    everything = segment(EARLIEST, LATEST)
    alone = timeline([Lane("Live", "m", [everything])])
    assert rects(alone) == [("0.000%", "100.000%", "0.0", "48.0")]
    assert '<p class="axis muted">all time</p>' in alone
    both = timeline([Lane("Live", "m", [everything]), Lane("Replaced", "m", [days(0), days(1)], stacked=True)])
    assert [(x, width) for x, width, _, _ in rects(both)] == [
        ("0.000%", "100.000%"),
        ("0.000%", "50.000%"),
        ("50.000%", "50.000%"),
    ]


@pytest.mark.parametrize(
    ("length", "texts"),
    [
        (timedelta(minutes=5), [f"2024-06-01T00:0{minute}Z" for minute in (1, 2, 3, 4)]),
        (timedelta(hours=4), ["2024-06-01T01:00Z", "2024-06-01T02:00Z", "2024-06-01T03:00Z"]),
        (timedelta(days=13), ["2024-06-03", "2024-06-05", "2024-06-07", "2024-06-09", "2024-06-11"]),
        (timedelta(days=365), ["2024-08-01", "2024-10-01", "2024-12-01", "2025-02-01", "2025-04-01"]),
        (timedelta(days=365 * 70), ["2035-01-01", "2045-01-01", "2055-01-01", "2065-01-01", "2075-01-01"]),
    ],
)
def test_axis_has_a_handful_of_round_instants_between_its_ends(length, texts) -> None:
    """From minutes to decades."""
    *inner, first, last = labels(timeline([Lane("Live", "m", [segment(START, START + length)])]))
    assert first == "2024-06-01"
    assert inner == texts
    assert last == short(format_instant(START + length))


def test_marks_beyond_four_hundred_are_drawn_together() -> None:
    """Three years of days make a page of moderate size, and no row is lost."""
    drawn = timeline([Lane("Live", "m", [days(number) for number in range(1200)])])
    assert len(rects(drawn)) == 400
    counts = [int(one.replace(",", "")) for one in re.findall(r"<title>[^<]*: ([\d,]+) rows", drawn)]
    assert sum(counts) == 12_000
    assert "several versions" not in drawn
    mixed = timeline([Lane("Live", "m", [days(number, version=f"v{number}") for number in range(1200)])])
    assert "<title>2024-06-01/2024-06-04: 30 rows in 3 segments, several versions</title>" in mixed
