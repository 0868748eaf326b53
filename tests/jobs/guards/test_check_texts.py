# SPDX-License-Identifier: Apache-2.0
"""What a message about a check says was found."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.guards.result_checks import CheckedValue, ResultChecks, WrittenRows
from airflow_provider_polaris.jobs.time.interval import Interval


def checks(**conditions: str) -> ResultChecks:
    return ResultChecks(WrittenRows("hours", (Interval.ETERNITY,), frozenset(), {}), conditions)


@pytest.mark.parametrize(
    "rows, answer, is_met, found",
    [
        (1, 0, True, "0 of 1 rows don't meet it"),
        (1, None, False, "0 of 1 rows don't meet it"),
        (2000, 1999, False, "1,999 of 2,000 rows don't meet it"),
    ],
)
def test_rows_are_counted(rows: int, answer: Any, is_met: bool, found: str) -> None:
    """A condition of each row; without an answer to it, it isn't met."""
    results = checks(each='"n" > 0').read([{"n": rows, "check_0": answer}])
    assert results == (rows, [CheckedValue("each", '"n" > 0', is_met, found)])


@pytest.mark.parametrize(
    "value, text", [(1234, "1,234"), (0, "0"), (True, "True"), (None, "NULL"), (1234.5, "1234.5"), ("x", "'x'")]
)
def test_value_of_an_aggregate_is_readable(value: Any, text: str) -> None:
    """Only whole numbers get separators."""
    (result,) = checks(one='MAX("n") > 3').read([{"n": 2, "check_0": 0, "value_0_0": value}])[1]
    assert result.found == f'MAX("n") is {text}'


def test_values_of_several_aggregates_are_listed() -> None:
    """In the order of the condition."""
    (result,) = checks(two='MAX("n") > MIN("m")').read([{"n": 2, "check_0": 0, "value_0_0": 1, "value_0_1": 2}])[1]
    assert result.found == 'MAX("n") is 1, MIN("m") is 2'


def test_condition_without_a_value_is_only_false() -> None:
    """Beside a subquery no call is a column of its own: it may belong to the subquery."""
    (result,) = checks(sub="COUNT(*) > (select 3)").read([{"n": 2, "check_0": 0}])[1]
    assert result.found == "it is false or NULL"


def test_query_of_a_whole_table_has_no_filter() -> None:
    """The text ends with the table."""
    assert checks(rows="COUNT(*) > 0").sql() == (
        "SELECT\n"
        '  COUNT(*) AS "n",\n'
        '  CASE WHEN (\nCOUNT(*) > 0\n) THEN 1 ELSE 0 END AS "check_0",\n'
        '  (\nCOUNT(*)\n) AS "value_0_0"\n'
        'FROM "hours"'
    )
