# SPDX-License-Identifier: Apache-2.0
"""The single SELECT for all conditions on a table, the evaluation of its answer, and its log lines."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisProtocolError
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.triggers.data_watcher.condition import DataCondition, TableData, select

NOON = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
DAY = Interval.parse("2024-06-01/P1D")
UP_TO = DataCondition("T", up_to=NOON)
MIN_ROWS = DataCondition("T", interval=DAY, min_rows=1000, filter="\"city\" = 'Oslo' -- mine")
BOTH = DataCondition("T", up_to=NOON, interval=DAY, min_rows=2)


def test_select_asks_for_all_conditions_within_the_time_they_are_about() -> None:
    """One scan; a filter can't escape its brackets, not even with a comment."""
    recent = "FILTER (WHERE TIME_IN_INTERVAL(\"__time\", '2024-05-31T12:00:00.000Z/5000-01-01T00:00:00.000Z'))"
    assert select([UP_TO, MIN_ROWS]) == (
        "SELECT\n"
        f'  MAX("__time") {recent} AS "newest0",\n'
        f'  COUNT(*) {recent} AS "recent0",\n'
        "  COUNT(*) FILTER (WHERE TIME_IN_INTERVAL(\"__time\", '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z')"
        ' AND (\n"city" = \'Oslo\' -- mine\n)) AS "rows1"\n'
        'FROM "T"\n'
        "WHERE TIME_IN_INTERVAL(\"__time\", '2024-05-31T12:00:00.000Z/5000-01-01T00:00:00.000Z')"
    )


def test_select_of_far_apart_intervals_reads_nothing_between_them() -> None:
    """Runs of a backfill wait for days that are years apart."""
    conditions = [DataCondition("T", interval=Interval.parse(f"{year}-06-01/P1D"), min_rows=1) for year in (2020, 2024)]

    assert select(conditions).endswith(
        "\nWHERE TIME_IN_INTERVAL(\"__time\", '2020-06-01T00:00:00.000Z/2020-06-02T00:00:00.000Z') OR "
        "TIME_IN_INTERVAL(\"__time\", '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z')"
    )


@pytest.mark.parametrize(
    ("condition", "row", "seen", "is_met"),
    [
        (UP_TO, {"newest7": "2024-06-01T12:00:00.000Z", "recent7": 1}, TableData(True, NOON), True),
        (UP_TO, {"newest7": 1717243200000, "recent7": 1}, TableData(True, NOON), True),
        (UP_TO, {"newest7": "2024-06-01T11:59:59.999Z", "recent7": 1}, None, False),
        (UP_TO, {"newest7": None, "recent7": 0}, TableData(True), False),
        # The MAX of no rows, if the service doesn't treat NULL as SQL does.
        (UP_TO, {"newest7": "-146136543-09-08T08:23:32.096Z", "recent7": 0}, TableData(True), False),
        (UP_TO, None, TableData(True), False),
        (MIN_ROWS, {"rows7": 1000}, TableData(True, rows=1000), True),
        (MIN_ROWS, {"rows7": 999.0}, TableData(True, rows=999), False),
        (MIN_ROWS, None, TableData(True, rows=0), False),
        (BOTH, {"newest7": "2024-06-01T12:00:00.000Z", "recent7": 1, "rows7": 1}, TableData(True, NOON, 1), False),
        (BOTH, {"newest7": None, "recent7": 0, "rows7": 2}, TableData(True, None, 2), False),
        (BOTH, {"newest7": "2024-06-01T12:00:00.000Z", "recent7": 1, "rows7": 2}, TableData(True, NOON, 2), True),
    ],
)
def test_read_answer_says_whether_the_data_is_there(
    condition: DataCondition, row: dict[str, Any] | None, seen: TableData | None, is_met: bool
) -> None:
    """The instant itself is late enough, and the exact number is enough."""
    found = condition.read(row, 7)

    assert found == (seen or found)
    assert condition.is_met(found) is is_met


@pytest.mark.parametrize(
    ("condition", "row", "sentence"),
    [
        (UP_TO, {}, "The service answered a count with recent0 None, which is no whole number."),
        (MIN_ROWS, {"rows0": True}, "The service answered a count with rows0 True, which is no whole number."),
        (UP_TO, {"recent0": 1}, "The service answered a query with newest0 None, which is no instant."),
        (
            UP_TO,
            {"recent0": 1, "newest0": "soon"},
            "The service answered a query with newest0 'soon', which is no instant.",
        ),
    ],
)
def test_read_of_something_else_raises(condition: DataCondition, row: dict[str, Any], sentence: str) -> None:
    """An answer in a new format doesn't mean missing data."""
    with pytest.raises(PolarisProtocolError) as caught:
        condition.read(row, 0)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("condition", "seen", "sentence"),
    [
        (UP_TO, TableData(False), "Waiting for data of table 'T', which does not exist (yet)."),
        (
            UP_TO,
            TableData(True),
            (
                "Waiting for data of table 'T': no row since 2024-05-31T12:00:00.000Z, wanted 2024-06-01T12:00:00.000Z "
                "or later."
            ),
        ),
        (
            BOTH,
            TableData(True, NOON, 1),
            (
                "Waiting for data of table 'T': newest row 2024-06-01T12:00:00.000Z, wanted 2024-06-01T12:00:00.000Z "
                "or later; 1 rows in '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z', wanted 2."
            ),
        ),
        (
            MIN_ROWS,
            TableData(True, rows=12345),
            (
                "The data of table 'T' (rows that pass filter_expression) is there: 12,345 rows in "
                "'2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z', wanted 1,000."
            ),
        ),
    ],
)
def test_describe_says_what_is_there_and_what_is_wanted(
    condition: DataCondition, seen: TableData, sentence: str
) -> None:
    """The log states the progress of the data."""
    assert condition.describe(seen) == sentence


@pytest.mark.parametrize("condition", [UP_TO, MIN_ROWS, BOTH])
def test_condition_goes_through_json(condition: DataCondition) -> None:
    """It passes through Airflow's database twice."""
    assert DataCondition.from_json(condition.to_json()) == condition
    assert all(value is None or type(value) in (str, int) for value in condition.to_json().values())
