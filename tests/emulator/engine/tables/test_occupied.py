# SPDX-License-Identifier: Apache-2.0
"""Appends to time that shows no rows but is occupied: the rest of a replaced segment, and empty chunks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_polaris.emulator.engine import JobFault, MappingPlan, TableInput, delete_data
from tests.emulator.engine.conftest import COPY, Engine, day

DAYS = (day(1), day(4))


@pytest.fixture
def days(engine: Engine) -> Engine:
    """A table with a segment for each of three days, and the table that it was copied from."""
    engine.load("source")
    engine.create("days")
    copy(engine, "append")
    return engine


def copy(engine: Engine, mode: str, number: int | None = None, **plan: Any) -> None:
    """Copy the rows of one day, or of all, and advance the clock."""
    source = TableInput("source", None if number is None else (day(number), day(number + 1)))
    engine.run(
        **{"target": "days", "mode": mode, "source": source, "mappings": COPY, "partial_segment": "part", **plan}
    )
    engine.clock.tick()


def refused(run: Callable[[], None]) -> str:
    with pytest.raises(JobFault) as caught:
        run()
    assert caught.value.code == "internal_error"
    return caught.value.message


def message(granularity: str, start: datetime, segment: tuple[datetime, datetime]) -> str:
    shown = "/".join(f"{bound:%Y-%m-%dT%H:%M:%S}.000Z" for bound in segment)
    return (
        f"can't write a {granularity} segment at {start:%Y-%m-%dT%H:%M:%S}.000Z to table 'days': segment {shown} of "
        "another granularity is there. Use its granularity, or replace its data."
    )


@pytest.mark.parametrize("granularity", ["day", "hour"])
def test_partly_replaced_segment_takes_no_append(days: Engine, granularity: str) -> None:
    """OBSERVED(Druid 27): InsertCannotAllocateSegment for each granularity, that of the segment and of the new part."""
    hour = (day(3) + timedelta(hours=3), day(3) + timedelta(hours=4))
    copy(days, "replace", 3, intervals=(hour,), partitioned_by="hour")
    start, segment = (hour[0], (day(3), day(4))) if granularity == "hour" else (day(3), hour)
    found = refused(lambda: copy(days, "append", 3, partitioned_by=granularity))
    assert found == message(granularity, start, segment)


def test_rest_that_is_replaced_takes_appends_again(days: Engine) -> None:
    """Replacing what was left of the segment frees its time."""
    hour = (day(3) + timedelta(hours=3), day(3) + timedelta(hours=4))
    copy(days, "replace", 3, intervals=(hour,), partitioned_by="hour")
    copy(days, "replace", 3, intervals=((day(3), day(4)),))
    copy(days, "append", 3)
    assert days.tables.stats("days").total_rows == 6


def test_empty_chunk_takes_appends_of_its_granularity_only(days: Engine) -> None:
    """OBSERVED(Druid 27): a replace leaves chunks without rows where it has none, and an append by hour fails there."""
    copy(days, "replace", 2, intervals=(DAYS,))
    found = refused(lambda: copy(days, "append", 1, partitioned_by="hour"))
    assert found == message("hour", day(1), (day(1), day(2)))
    copy(days, "append", 1)
    assert days.tables.stats("days").total_rows == 4


def test_time_without_data_before_the_replace_stays_free(days: Engine) -> None:
    """OBSERVED(Druid 27): empty chunks only take the place of segments."""
    later = [MappingPlan("__time", "TIME_SHIFT(\"__time\", 'P1D', 10)"), *COPY]
    copy(days, "replace", 2, intervals=((day(1), day(20)),))
    copy(days, "append", 1, partitioned_by="hour", mappings=tuple(later))
    assert days.tables.stats("days").total_rows == 4


def test_table_of_one_chunk_that_is_replaced_by_hours_takes_no_append(days: Engine) -> None:
    """OBSERVED(Druid 27): what was PARTITIONED BY ALL leaves an empty chunk without bounds."""
    copy(days, "replace", replace_all=True, partitioned_by="all")
    copy(days, "replace", 2, replace_all=True, partitioned_by="hour")
    found = refused(lambda: copy(days, "append", 3, partitioned_by="hour"))
    assert found == (
        "can't write a hour segment at 2024-06-03T03:00:00.000Z to table 'days': segment "
        "2024-06-02T03:00:00.000Z/9999-12-31T23:59:59.999Z of another granularity is there. Use its granularity, or "
        "replace its data."
    )
    copy(days, "replace", replace_all=True, partitioned_by="all")
    copy(days, "append", partitioned_by="all")
    assert days.tables.stats("days").total_rows == 10


def test_replace_without_rows_leaves_empty_chunks(days: Engine) -> None:
    """OBSERVED(Druid 27) for the one chunk of PARTITIONED BY ALL, where a job without rows does not fail."""
    nothing = TableInput("source", (day(20), day(21)))
    copy(days, "replace", replace_all=True, partitioned_by="all", source=nothing)
    found = refused(lambda: copy(days, "append", 3, partitioned_by="hour"))
    assert found == (
        "can't write a hour segment at 2024-06-03T03:00:00.000Z to table 'days': segment "
        "0001-01-01T00:00:00.000Z/9999-12-31T23:59:59.999Z of another granularity is there. Use its granularity, or "
        "replace its data."
    )
    copy(days, "append", partitioned_by="all")
    assert days.tables.stats("days").total_rows == 5


def test_deletion_frees_the_time(days: Engine) -> None:
    """A deletion removes empty chunks, too."""
    copy(days, "replace", 2, intervals=(DAYS,))
    delete_data("days", [(day(1), day(2))], days.tables, soft=True)
    copy(days, "append", 1, partitioned_by="hour")
    assert days.tables.stats("days").total_rows == 4


def test_replace_that_fails_leaves_no_trace(days: Engine) -> None:
    """Occupied time is part of the job's transaction."""
    shifted = (MappingPlan("__time", "TIME_SHIFT(\"__time\", 'P1D', 5)"), *COPY)
    with pytest.raises(JobFault) as caught:
        copy(days, "replace", 2, intervals=(DAYS,), mappings=shifted)
    assert caught.value.code == "timestamp_out_of_bounds"
    assert days.store.execute("SELECT * FROM polaris_occupied") == []


def test_append_reads_the_occupied_time_once_however_many_chunks_it_has(days: Engine, monkeypatch) -> None:
    """A job may have 5,000 chunks."""
    statements = []
    execute = days.store.execute

    def recorded(sql: str, *parameters: Any) -> Any:
        statements.append(sql)
        return execute(sql, *parameters)

    monkeypatch.setattr(days.store, "execute", recorded)
    copy(days, "append")
    assert days.tables.stats("days").segment_count == 6
    assert len([sql for sql in statements if "polaris_occupied" in sql]) == 1
