# SPDX-License-Identifier: Apache-2.0
"""The parts *jobs* and *queries* without a Druid: cases from a seed, time chunks, the comparison and the shrinking."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from airflow_provider_polaris.jobs.spec.job_spec import parse_spec
from airflow_provider_polaris.jobs.sql.statement import job_statement

HOUR = 3_600_000
LOST = "WorkerRpcFailed"


@pytest.fixture
def model(load: Any) -> Any:
    return load("jobs_model")


@pytest.fixture
def cases(load: Any) -> Any:
    return load("jobs_cases")


@pytest.fixture
def jobs(load: Any) -> Any:
    return load("jobs")


def outcome(model: Any, error: str | None = None, *rows: str, chunks: Any = ()) -> Any:
    return model.JobOutcome(error, "", Counter(rows), frozenset(chunks))


def test_seed_repeats_rows_and_jobs(cases: Any) -> None:
    """The same seed gives the same run."""
    runs = []
    for _ in range(2):
        rng = random.Random(5)
        runs.append((cases.make_rows(rng), list(cases.make_sequences(rng, 40, "x_"))))
    assert runs[0] == runs[1]
    assert cases.make_rows(random.Random(6)) != runs[0][0]


def test_jobs_are_of_every_kind_and_have_sql(cases: Any) -> None:
    """Each is a spec of which the package writes SQL; no mode, granularity or kind of source is left out."""
    sequences = list(cases.make_sequences(random.Random(1), 400, "x_"))
    specs = [spec for sequence in sequences for spec in sequence.jobs]
    assert all(parse_spec(spec) and job_statement(spec) for spec in specs)
    assert {spec.get("ingestionMode", "append") for spec in specs} == {"append", "replace"}
    assert {spec["partitionedBy"] for spec in specs} == {
        *("hour", "six_hour", "eight_hour", "day", "month", "quarter", "year", "all")
    }
    assert any(spec.get("replaceAll") for spec in specs)
    assert any(spec["source"]["tableName"] == spec["target"]["tableName"] for spec in specs)
    assert any(len(spec["target"].get("intervals", ())) == 2 for spec in specs)
    assert any("interval" in spec["source"] and spec["target"].get("intervals") for spec in specs)


def test_newer_segment_hides_what_it_covers(model: Any) -> None:
    """The rest of the older one stays visible on both sides; a part without rows is not shown."""
    segments = [((0, 24 * HOUR), "1"), ((8 * HOUR, 9 * HOUR), "2"), ((8 * HOUR, 9 * HOUR), "2")]
    times = [0, 8 * HOUR, 9 * HOUR]
    whole = {(0, 8 * HOUR), (8 * HOUR, 9 * HOUR), (9 * HOUR, 24 * HOUR)}
    assert model.live_chunks(segments, times) == whole
    assert model.live_chunks(segments, times[:2]) == whole - {(9 * HOUR, 24 * HOUR)}
    assert model.live_chunks([((0, 24 * HOUR), "2"), ((8 * HOUR, 9 * HOUR), "1")], times) == {(0, 24 * HOUR)}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("-146136543-09-08T08:23:32.096Z", "146140482-04-24T15:36:27.903Z"),
        ("0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"),
    ],
)
def test_chunk_without_bounds_is_the_same_on_both_sides(model: Any, start: str, end: str) -> None:
    """Druid and the emulator write other years for it."""
    assert model.read_chunk(start, end) == model.OPEN


def test_rows_count_by_their_values(model: Any) -> None:
    """A null is like a missing column, 1.0 like 1; equal rows are counted, and '' is not null."""
    rows = [{"n": 1, "city": None}, {"n": 1.0}, {"n": 1, "city": ""}]
    assert model.count_rows(rows) == {'{"n": 1}': 2, '{"city": "", "n": 1}': 1}


def test_equal_outcomes_agree(model: Any) -> None:
    """Also two errors, if the codes are equal or one side didn't accept the job."""
    done = outcome(model, None, "a", chunks=[(0, 1)])
    assert model.compare(done, done) is None
    failed, refused = outcome(model, "internal_error"), outcome(model, "refused")
    assert model.compare(failed, failed) is model.compare(failed, refused) is model.compare(refused, failed) is None


@pytest.mark.parametrize(
    ("druid", "emulator", "is_refusal", "text"),
    [
        ((None, "a"), (None, "b"), False, "rows of Druid only: 1 x a\nrows of the emulator only: 1 x b"),
        ((None, "a"), (None, "a", "a"), False, "rows of the emulator only: 1 x a"),
        (("internal_error",), (None, "a"), False, "rows of the emulator only: 1 x a"),
        (("no_rows_ingested",), ("null_timestamp",), False, ""),
        ((None, "a"), ("query_not_supported",), True, "rows of Druid only: 1 x a"),
    ],
)
def test_other_rows_and_errors_differ(model: Any, druid: Any, emulator: Any, is_refusal: bool, text: str) -> None:
    """Only a job that the emulator alone rejects is a refusal."""
    found = model.compare(outcome(model, *druid), outcome(model, *emulator))
    lines = [f"Druid: {druid[0] or 'completed'}", f"emulator: {emulator[0] or 'completed'}", *text.splitlines()]
    assert (found.is_refusal, found.text) == (is_refusal, "\n".join(lines))


def test_other_chunks_differ(model: Any) -> None:
    """Equal rows in other segments are a difference."""
    found = model.compare(outcome(model, None, "a", chunks=[(0, HOUR)]), outcome(model, None, "a", chunks=[model.OPEN]))
    assert found.text == (
        "Druid: completed\nemulator: completed\n"
        "time chunk of Druid only: 1970-01-01 00:00:00+00:00/1970-01-01 01:00:00+00:00\n"
        "time chunk of the emulator only: …/…"
    )


class Side:
    """Runs jobs that add their name; a job named ``bad`` adds another one on this side if ``good`` was run before."""

    def __init__(self, model: Any, *, differs: bool) -> None:
        self.model, self.differs = model, differs
        self.rows: dict[str, list[str]] = {}

    def run(self, spec: Any) -> Any:
        rows = self.rows.setdefault(spec["target"]["tableName"], [])
        rows.append("worse" if self.differs and spec["name"] == "bad" and "good" in rows else spec["name"])
        return outcome(self.model, None, *rows)


def spec(name: str, source: str = "p_events") -> dict[str, Any]:
    return {"name": name, "source": {"tableName": source}, "target": {"tableName": "p_0_detail"}}


def test_finding_is_shrunk_to_the_jobs_that_it_needs(model: Any, jobs: Any) -> None:
    """Other jobs, and those after the first difference, are dropped; each attempt has tables of its own."""
    bench = jobs.Bench(Side(model, differs=False), Side(model, differs=True), "p_")
    sequence = model.JobSequence(0, tuple(map(spec, ("x", "good", "y", "bad", "z"))))
    found = bench.shrink(bench.first_finding(sequence))
    assert [job["name"] for job in found.sequence.jobs] == ["good", "bad"]
    assert found.difference.text == (
        "Druid: completed\nemulator: completed\nrows of Druid only: 1 x bad\nrows of the emulator only: 1 x worse"
    )
    assert len(bench.druid.rows) == 4


def test_job_that_reads_a_table_without_rows_is_left_out(model: Any, jobs: Any) -> None:
    """Druid has no such table."""
    bench = jobs.Bench(Side(model, differs=False), Side(model, differs=True), "p_")
    sequence = model.JobSequence(0, (spec("good"), spec("bad", "p_0_rollup"), spec("x", "p_0_detail")))
    assert bench.first_finding(sequence) is None
    assert bench.compared == 2


class RefusingSide(Side):
    """Runs no job."""

    def run(self, spec: Any) -> Any:
        return outcome(self.model, "internal_error")


@pytest.mark.parametrize(("side", "is_green", "ran", "made"), [(Side, True, 20, 20), (RefusingSide, False, 0, 80)])
def test_jobs_are_made_until_both_sides_ran_enough(
    model: Any, jobs: Any, monkeypatch: Any, capsys: Any, side: Any, is_green: bool, ran: int, made: int
) -> None:
    """What both refuse doesn't count; the number of jobs that are made is bounded."""
    bench = jobs.Bench(side(model, differs=False), side(model, differs=False), "p_")

    @contextmanager
    def opened(*_: Any) -> Iterator[Any]:
        yield bench

    def sequences(_rng: Any, limit: int, _prefix: str) -> Iterator[Any]:
        return (model.JobSequence(number, (spec("x"), spec("y"))) for number in range(limit // 2))

    monkeypatch.setattr(jobs, "bench", opened)
    monkeypatch.setattr(jobs.jobs_cases, "make_sequences", sequences)
    assert jobs.run_jobs({"27": None}, None, 1, 20) is is_green
    shown = f"both ran {ran} of {made} jobs in {made // 2} sequences: {made // 2} same\n"
    assert capsys.readouterr().out == shown


def test_queries_are_those_of_the_package(load: Any) -> None:
    """Each part of the package that sends queries occurs, and the same seed gives the same queries."""
    made = [list(load("queries_cases").make_queries(random.Random(3), 200, "q_")) for _ in range(2)]
    assert made[0] == made[1]
    assert {query.kind for query in made[0]} == {"guard", "sensor", "proof", "oldest", "total", "connection"}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([{"b": "2024-06-01T00:00:00.000Z", "a": 1}], [{"a": 1, "b": 1717200000000}]),
        ([{"a": 2}, {"a": 1}], [{"a": 1}, {"a": 2}]),
        ("refused: no", "refused"),
    ],
)
def test_answers_are_compared_without_order_and_form_of_time(load: Any, answer: Any, expected: Any) -> None:
    """A synchronous query has ISO 8601, an asynchronous one milliseconds."""
    assert load("queries").normal(answer) == expected


@pytest.mark.parametrize(
    ("codes", "error"), [((LOST, None), None), ((LOST, LOST, None), LOST), (("Other", None), "Other")]
)
def test_job_whose_worker_was_lost_runs_once_more(
    load: Any, monkeypatch: pytest.MonkeyPatch, codes: tuple[str | None, ...], error: str | None
) -> None:
    """A loaded machine loses workers; a statement that ends its worker does so again."""
    druid = load("jobs_druid").JobsOnDruid(None)
    ends = iter(codes)
    report = {"status": {"errorReport": {"error": {"errorCode": None}}}}

    def wait(_task: str) -> str:
        code = next(ends)
        report["status"]["errorReport"]["error"]["errorCode"] = code  # type: ignore[assignment]
        return "FAILED" if code else "SUCCESS"

    for name, result in {"_start": "id", "_report": report, "_pushes": False}.items():
        monkeypatch.setattr(druid, name, lambda *_, result=result: result)
    monkeypatch.setattr(druid, "_wait", wait)
    assert druid.run_statement("t", "INSERT", {}).error == error
