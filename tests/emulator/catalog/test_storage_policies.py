# SPDX-License-Identifier: Apache-2.0
"""Storage policies: data that is not retained is softly deleted; data that is not precached is read by some queries
only.
"""

from __future__ import annotations

import pytest

SOURCE = "Koalas Source"
# The clock is at 2024-07-01T00:00; the rows are from June 1 and June 2.


def _daily(period: str) -> dict[str, str]:
    return {"type": "period", "period": period}


def test_policy_is_echoed_in_describe_and_list_and_goes_with_an_update_without_it(koalas) -> None:
    """An update replaces the whole table, so an update without a policy removes it."""
    policy = {
        "retain": _daily("P3M"),
        "cached": {"type": "intervals", "intervals": ["2024-06-01/2024-07-01"], "period": "P1M"},
    }
    assert koalas.policy(**policy)["storagePolicy"] == policy
    assert koalas.ok("GET", "/tables")["values"][0]["storagePolicy"] == policy
    table = koalas.ok("GET", f"/tables/{SOURCE}")
    del table["storagePolicy"]
    assert "storagePolicy" not in koalas.ok("PUT", f"/tables/{SOURCE}", table)
    assert koalas.count() == 4


def test_retention_deletes_softly_what_lies_wholly_before_the_period(koalas) -> None:
    """After the update, no query reads it; it is listed with the unused segments."""
    table = koalas.policy(retain=_daily("P29D"))
    assert (table["totalRows"], table["segmentCount"]) == (1, 1)
    assert (koalas.count(), koalas.count_async()) == (1, 1)
    assert [segment["interval"][:10] for segment in koalas.unused()] == ["2024-06-01"]


def test_retention_keeps_a_segment_that_the_period_begins_in(koalas, clock) -> None:
    """If half a day is retained, the whole day is retained."""
    koalas.policy(retain=_daily("P30D"))
    clock.advance(86_400 - 1)
    assert koalas.count() == 4


def test_retention_moves_on_with_the_clock(koalas, clock) -> None:
    """The policy runs once a minute. A day later the next day is deleted; a longer period restores nothing."""
    koalas.policy(retain=_daily("P30D"))
    clock.advance(86_400)
    assert koalas.count() == 1
    koalas.policy(retain=_daily("P1Y"))
    assert koalas.count() == 1


def test_rows_that_a_table_does_not_retain_are_gone_when_their_job_has_completed(koalas) -> None:
    """The job completes and counts them as stored; they are listed only with the unused segments."""
    target = {"name": "Short", "type": "aggregate", "storagePolicy": {"retain": _daily("P7D")}}
    koalas.ok("POST", "/tables", target)
    job = koalas.run(koalas.rollup(target={"type": "table", "tableName": "Short"}, createTableIfNotExists=None))
    assert (job["executionStatus"], job["health"]) == ("completed", {"status": "ok"})
    assert koalas.ok("GET", f"/jobs/{job['id']}/metrics")["totals"]["numRowsPersisted"] == 4
    assert (koalas.count("Short"), len(koalas.unused("Short"))) == (0, 2)


def test_restored_rows_that_are_not_retained_are_gone_again(koalas) -> None:
    """A restore doesn't override the policy."""
    koalas.policy(retain=_daily("P7D"))
    koalas.run(koalas.about("restore_data", SOURCE, interval="2024-06-01/2024-06-03"))
    assert (koalas.count(), len(koalas.unused())) == (0, 2)
    koalas.policy(retain=_daily("P1Y"))
    koalas.run(koalas.about("restore_data", SOURCE, interval="2024-06-01/2024-06-03"))
    assert koalas.count() == 4


def test_retention_of_intervals_keeps_them_and_the_future(koalas) -> None:
    """Data with timestamps in the future is always retained."""
    koalas.control("POST", f"/tables/{SOURCE}/realtime", {"rows": [{"__time": "2031-01-01T00:00:00Z"}]})
    koalas.control("POST", f"/tables/{SOURCE}/handoff", {})
    koalas.policy(retain={"type": "intervals", "intervals": ["2024-06-02/2024-06-03"]})
    assert [day for day, _, _ in koalas.segments("used")] == ["2024-06-02", "2031-01-01"]


def test_uncached_rows_are_for_asynchronous_queries_and_jobs_only(koalas) -> None:
    """The table is still available; its sizes show the difference."""
    whole = koalas.ok("GET", f"/tables/{SOURCE}")
    assert whole["precachedDataSizeBytes"] == whole["totalDataSizeBytes"] == 92
    table = koalas.policy(cached=_daily("P29D"))
    assert (table["totalRows"], table["segmentCount"], table["availability"]) == (4, 2, "available")
    assert (table["precachedDataSizeBytes"], table["totalDataSizeBytes"]) == (23, 92)
    assert (koalas.count(), koalas.count_async()) == (1, 4)
    koalas.run(koalas.rollup())
    assert koalas.query('SELECT SUM("__count") AS "n" FROM "Koalas Rollup"') == [{"n": 4}]


def test_cached_intervals_are_all_that_synchronous_queries_see(koalas) -> None:
    """With an additional period, queries read data in either."""
    koalas.policy(cached={"type": "intervals", "intervals": ["2024-06-01/2024-06-02"]})
    assert koalas.count() == 3
    koalas.policy(cached={"type": "intervals", "intervals": ["2024-06-01/2024-06-02"], "period": "P29D"})
    assert koalas.count() == 4
    koalas.policy(cached={"type": "intervals", "intervals": ["2020-01-01/2020-01-02"]})
    assert (koalas.count(), koalas.count_async()) == (0, 4)


@pytest.mark.parametrize(
    ("policy", "message", "target"),
    [
        (
            {"retain": {"type": "period"}},
            "field 'storagePolicy.retain' of type 'period' needs 'period' and nothing else.",
            "storagePolicy.retain",
        ),
        (
            {"cached": {"type": "intervals", "intervals": []}},
            "field 'storagePolicy.cached' of type 'intervals' needs 'intervals'.",
            "storagePolicy.cached.intervals",
        ),
        (
            {"cached": {"type": "intervals", "intervals": ["x"]}},
            "interval 'x' is not valid: it is not of the form start/end, start/period or period/end.",
            "storagePolicy.cached.intervals",
        ),
        (
            {"retain": {"type": "period", "period": "3 months"}},
            "period '3 months' is not valid: '3 months' is not an ISO 8601 period.",
            "storagePolicy.retain.period",
        ),
        (
            {"retain": {"type": "period", "period": "PT90M"}},
            "period 'PT90M' is finer than the partitioning granularity 'day'.",
            "storagePolicy.retain.period",
        ),
        ({"keep": {"type": "period"}}, "field 'storagePolicy.keep' is not known.", "storagePolicy.keep"),
    ],
)
def test_policy_that_breaks_a_rule_is_refused(api, policy, message, target) -> None:
    """400 names the field, and there is no table."""
    assert api.call("POST", "/tables", {"name": "t", "type": "detail", "storagePolicy": policy}) == (
        400,
        {"code": "BadRequest", "message": message, "target": target},
    )
    assert api.ok("GET", "/tables") == {"values": []}


def test_period_of_hours_is_for_tables_that_are_partitioned_so(api) -> None:
    """An hourly table can retain 90 minutes."""
    table = {"name": "t", "type": "detail", "partitioningGranularity": "hour"}
    assert api.ok("POST", "/tables", {**table, "storagePolicy": {"retain": _daily("PT90M")}})["availability"] == (
        "available"
    )
