# SPDX-License-Identifier: Apache-2.0
"""Compare deletions and restores with a model: sets of rows by day and version."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_polaris.emulator.engine import (
    JobFault,
    Store,
    add_realtime,
    delete_data,
    expire,
    hand_over,
    purge,
    restore_data,
)
from tests.emulator.engine.conftest import Clock, Engine, day

DAYS = range(1, 6)
SPAN = st.tuples(st.integers(1, 5), st.integers(1, 3)).map(lambda pair: (pair[0], min(pair[0] + pair[1], 6)))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), SPAN),
        st.tuples(st.just("replace"), SPAN),
        st.tuples(st.just("soft"), SPAN),
        st.tuples(st.just("hard"), SPAN),
        st.tuples(st.just("restore"), SPAN),
        st.tuples(st.just("stream"), SPAN),
        st.tuples(st.just("hand over"), SPAN),
    ),
    max_size=12,
)


class Model:
    """The expected content of a table: the rows of each day, and per day a stack of hidden rows, the newest last."""

    def __init__(self) -> None:
        self.live: dict[int, list[int]] = {}
        self.hidden: dict[int, list[list[int]]] = {}
        self.streamed: list[tuple[int, int]] = []

    def hide(self, number: int) -> None:
        """Push a day's rows onto its stack."""
        if number in self.live:
            self.hidden.setdefault(number, []).append(self.live.pop(number))


@given(STEPS)
@example([("append", (1, 3)), ("replace", (1, 2)), ("soft", (1, 2)), ("restore", (1, 3)), ("restore", (1, 2))])
@example([("stream", (1, 3)), ("hard", (1, 6)), ("hand over", (1, 2)), ("soft", (1, 2)), ("restore", (1, 2))])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_deletions_and_restores_agree_with_the_model(steps) -> None:
    """After every step, the live rows and the hidden rows of each day are those of the model."""
    clock = Clock()
    store = Store(None, now=clock)
    engine, model = Engine(store, clock), Model()
    engine.load("events", [])
    for counter, (kind, (first, last)) in enumerate(steps):
        clock.tick()
        days = range(first, last)
        span = (day(first), day(last))
        rows = [(f"2024-06-0{number}T10:00:00.000Z", "x", counter) for number in days]
        if kind == "append":
            engine.load("events", rows)
            for number in days:
                model.live.setdefault(number, []).append(counter)
        elif kind == "replace":
            engine.load("events", rows, mode="replace", intervals=(span,))
            for number in days:
                model.hide(number)
                model.live[number] = [counter]
        elif kind == "soft":
            expected = sum(_partitions(engine, number) for number in days)
            assert delete_data("events", [span], engine.tables, soft=True) == expected
            for number in days:
                model.hide(number)
        elif kind == "hard":
            delete_data("events", [span], engine.tables, soft=False)
            for number in days:
                model.live.pop(number, None)
                model.hidden.pop(number, None)
        elif kind == "restore":
            _restore(engine, model, span, days)
        elif kind == "stream":
            add_realtime(
                "events", [{"__time": time, "session_length": value} for time, _, value in rows], engine.tables
            )
            model.streamed += [(number, counter) for number in days]
        else:
            assert hand_over("events", engine.tables) == len(model.streamed)
            for number, value in model.streamed:
                model.live.setdefault(number, []).append(value)
            model.streamed = []
        found: dict[int, list[int]] = {}
        for time, value in engine.rows("events", '"__time", "session_length"'):
            found.setdefault(int(time[8:10]), []).append(value)
        assert {number: sorted(values) for number, values in found.items()} == {
            number: sorted(values) for number, values in model.live.items()
        }
        hidden = {segment.interval[0].day for segment in engine.tables.unused_segments("events", limit=1000)}
        assert hidden == {number for number, stack in model.hidden.items() if stack}
    store.close()


def _partitions(engine: Engine, number: int) -> int:
    return len(engine.tables.used_segments("events", (day(number), day(number + 1))))


def _restore(engine: Engine, model: Model, span, days) -> None:
    hidden = [number for number in days if model.hidden.get(number)]
    if any(number in model.live for number in hidden):
        before = engine.state()
        with pytest.raises(JobFault, match=r"can't be restored: the table has data in"), engine.store.transaction():
            restore_data("events", span, engine.tables)
        assert engine.state() == before
        return
    restored = restore_data("events", span, engine.tables)
    assert (restored > 0) == bool(hidden)
    for number in hidden:
        model.live[number] = model.hidden[number].pop()


def test_expire_and_purge_are_by_whole_segments_and_by_the_time_of_deletion(engine, clock) -> None:
    """Segments hidden before the grace period are purged, later ones are kept."""
    engine.load("events")
    assert expire("events", [(day(1) + timedelta(hours=23), day(2))], engine.tables) == 2
    clock.tick(3600)
    assert expire("events", [], engine.tables) == 1
    purge(clock.now, engine.tables)
    assert [segment.interval[0] for segment in engine.tables.unused_segments("events")] == [day(1)]
    assert engine.store.execute(f"SELECT count(*) FROM {engine.tables.stored('events').data_name}") == [(3,)]
    assert engine.tables.stats("events").total_rows == 0


def test_version_of_a_table_is_never_given_twice(engine, clock) -> None:
    """Also if the clock doesn't advance and everything was deleted; otherwise a restore could not distinguish the
    versions.
    """
    del clock
    engine.load("events")
    delete_data("events", None, engine.tables, soft=True)
    engine.load("events")
    delete_data("events", None, engine.tables, soft=True)
    versions = {segment.version for segment in engine.tables.unused_segments("events")}
    assert len(versions) == 2
