# SPDX-License-Identifier: Apache-2.0
"""Segments: versions and partitions, the segments that a replace hides, and the list of hidden segments."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_polaris.emulator.engine import JobFault, Segment, Store, TableInput
from airflow_provider_polaris.emulator.engine.tables.segments import Segments
from tests.emulator.engine.conftest import COPY, Engine, day

NOWHERE = TableInput("source", (day(20), day(21)))


def brief(segments: tuple[Segment, ...]) -> list[tuple[str, int, int]]:
    return [(f"{segment.interval[0]:%d}", segment.partition_number, segment.rows) for segment in segments]


def copy(engine: Engine, mode: str, **plan: Any) -> None:
    engine.run(**{"target": "events", "mode": mode, "source": TableInput("source"), "mappings": COPY, **plan})


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """A table of three days, and another one that it was copied from."""
    engine.load("source")
    engine.create("events")
    copy(engine, "append")
    engine.clock.tick()
    return engine


def test_append_makes_a_segment_for_each_chunk(filled: Engine) -> None:
    """Chunks follow the table's partitioning, by default days; all segments of a job have its time as the version."""
    segments = filled.tables.used_segments("events")
    assert brief(segments) == [("01", 0, 3), ("02", 0, 1), ("03", 0, 1)]
    assert {segment.version for segment in segments} == {"2024-07-01T12:00:00.000Z"}
    assert segments[0].id == ("events_2024-06-01T00:00:00.000Z_2024-06-02T00:00:00.000Z_2024-07-01T12:00:00.000Z")


def test_second_append_adds_partitions_of_the_same_version(filled: Engine) -> None:
    """An append never replaces; it extends the existing version."""
    copy(filled, "append", source=TableInput("source", (day(1), day(2))))
    segments = filled.tables.used_segments("events", (day(1), day(2)))
    assert brief(segments) == [("01", 0, 3), ("01", 1, 3)]
    assert {segment.version for segment in segments} == {"2024-07-01T12:00:00.000Z"}
    assert segments[1].id.endswith("_2024-07-01T12:00:00.000Z_1")
    assert filled.tables.unused_segments("events") == ()


def test_replace_hides_the_old_version_and_adds_a_new_one(filled: Engine) -> None:
    """Only the interval's segments change; the hidden ones have the time of the change."""
    copy(filled, "replace", intervals=((day(1), day(2)),), filter_expression="\"city\" = 'Oslo'")
    assert brief(filled.tables.used_segments("events")) == [("01", 0, 1), ("02", 0, 1), ("03", 0, 1)]
    assert filled.tables.used_segments("events")[0].version == "2024-07-01T12:01:00.000Z"
    (hidden,) = filled.tables.unused_segments("events")
    assert (hidden.rows, hidden.used, hidden.version) == (3, False, "2024-07-01T12:00:00.000Z")
    assert (hidden.created, hidden.last_updated) == (
        hidden.created.replace(minute=0),
        hidden.created.replace(minute=1),
    )


def test_replace_of_part_of_a_coarser_segment_hides_all_of_it(filled: Engine) -> None:
    """As documented: a replace hides every overlapping segment completely."""
    filled.create("months", partitioning="month")
    copy(filled, "append", target="months")
    copy(filled, "replace", target="months", intervals=((day(2), day(3)),), partitioned_by="day")
    assert brief(filled.tables.used_segments("months")) == [("02", 0, 1)]
    assert brief(filled.tables.unused_segments("months")) == [("01", 0, 5)]
    assert filled.tables.stats("months").total_rows == 1


def test_replace_without_rows_wipes_its_interval(filled: Engine) -> None:
    """The documented hazard: an empty replace empties the interval and completes."""
    source = NOWHERE
    totals = filled.run(
        target="events", mode="replace", source=source, mappings=COPY, intervals=((day(1), day(2)), (day(3), day(4)))
    )
    assert (totals.rows_processed, totals.rows_persisted) == (0, 0)
    assert brief(filled.tables.used_segments("events")) == [("02", 0, 1)]


def test_replace_all_hides_everything_else(filled: Engine) -> None:
    """Segments outside of the job's own rows are replaced, too."""
    copy(filled, "replace", replace_all=True, source=TableInput("source", (day(2), day(3))))
    assert brief(filled.tables.used_segments("events")) == [("02", 0, 1)]
    assert len(filled.tables.unused_segments("events")) == 3


def test_version_is_later_than_every_other_though_the_clock_stands_still(engine: Engine) -> None:
    """Two replaces in one millisecond give two versions; otherwise a restore could not distinguish them."""
    engine.load("source")
    engine.create("events")
    for _ in range(3):
        copy(engine, "replace", intervals=((day(1), day(2)),))
    versions = [segment.version for segment in engine.tables.unused_segments("events", sort_order="ASC")]
    versions += [segment.version for segment in engine.tables.used_segments("events")]
    assert versions == [f"2024-07-01T12:00:00.00{n}Z" for n in range(3)]


def test_append_after_a_wipe_starts_a_new_version(filled: Engine) -> None:
    """Rows appended after a deletion don't extend the deleted version."""
    copy(filled, "replace", replace_all=True, source=NOWHERE)
    copy(filled, "append", source=TableInput("source", (day(1), day(2))))
    (segment,) = filled.tables.used_segments("events")
    assert (segment.version, segment.partition_number) == ("2024-07-01T12:01:00.000Z", 0)


@pytest.mark.parametrize(("existing", "new"), [("day", "hour"), ("hour", "day"), ("month", "day")])
def test_append_of_another_granularity_into_live_data_fails(engine: Engine, existing: str, new: str) -> None:
    """Granularities can't be mixed in one interval; the table is unchanged."""
    engine.load("source")
    engine.create("events", partitioning=existing)
    copy(engine, "append")
    before = engine.state()
    with pytest.raises(JobFault) as caught:
        copy(engine, "append", partitioned_by=new)
    assert caught.value.code == "internal_error"
    shown = {
        "day": "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z",
        "hour": "2024-06-01T00:00:00.000Z/2024-06-01T01:00:00.000Z",
        "month": "2024-06-01T00:00:00.000Z/2024-07-01T00:00:00.000Z",
    }[existing]
    assert caught.value.message == (
        f"can't write a {new} segment at 2024-06-01T00:00:00.000Z to table 'events': segment {shown} of another "
        "granularity is there. Use its granularity, or replace its data."
    )
    assert engine.state() == before


def test_append_of_another_granularity_beside_live_data_works(filled: Engine) -> None:
    """Only an overlap is rejected."""
    filled.load("later", [("2024-06-09T03:00:00.000Z", "Lima", 9)])
    copy(filled, "append", source=TableInput("later"), partitioned_by="hour")
    assert brief(filled.tables.used_segments("events"))[-1] == ("09", 0, 1)


def replaced_five_times(engine: Engine) -> list[str]:
    for _ in range(5):
        copy(engine, "replace", intervals=((day(1), day(3)),))
        engine.clock.tick()
    ids = [segment.id for segment in engine.tables.unused_segments("events", limit=1000, sort_order="ASC")]
    assert len(ids) == 10
    assert ids == sorted(ids)
    return ids


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_unused_segments_page_by_page_are_all_of_them_once(filled: Engine, order: str) -> None:
    """The id of a page's last segment is the cursor of the next page."""
    ids = replaced_five_times(filled)
    seen: list[str] = []
    for _ in range(20):
        page = filled.tables.unused_segments(
            "events", limit=3, last_segment_id=seen[-1] if seen else None, sort_order=order
        )
        if not page:
            break
        assert len(page) <= 3
        seen += [segment.id for segment in page]
    assert seen == (ids if order == "ASC" else ids[::-1])


def test_unused_segments_of_an_interval_overlap_it(filled: Engine) -> None:
    """Intervals are half-open on both sides."""
    replaced_five_times(filled)
    found = filled.tables.unused_segments("events", (day(2), day(3)))
    assert {f"{segment.interval[0]:%d}" for segment in found} == {"02"}
    assert len(found) == 5


def test_filter_selects_exactly_the_rows_of_used_segments() -> None:
    """For any number and order of used and unused segments."""
    store = Store(None)
    store.execute('CREATE TABLE numbers AS SELECT range AS "__segment" FROM range(100, 160)')

    @given(used=st.lists(st.booleans(), min_size=1, max_size=60))
    @example(used=[True] * 9)
    @example(used=[False] * 9)
    @example(used=[True, False] * 30)
    @settings(max_examples=40, deadline=None)
    def check(used: list[bool]) -> None:
        values = ", ".join(
            f"({100 + n}, {table}, 0, 1, '', 0, 1, 1, 0, 0, {one is (table == 1)}, false, 0, 0)"
            for n, one in enumerate(used)
            for table in (1, 2)
        )
        store.execute("DELETE FROM polaris_segment")
        store.execute(f"INSERT INTO polaris_segment VALUES {values}")
        condition = Segments(store).filter_sql(1)
        assert (condition is None) == all(used)
        if condition is not None:
            rows = store.execute(f'SELECT "__segment" FROM numbers WHERE {condition} ORDER BY 1')
            assert [number for (number,) in rows] == [100 + n for n, one in enumerate(used) if one]

    check()
    store.close()
