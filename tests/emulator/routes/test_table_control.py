# SPDX-License-Identifier: Apache-2.0
"""Control-plane operations on tables: real-time rows, slow loading, forced availability, all segments."""

from __future__ import annotations

import re

import pytest

SOURCE = "Koalas Source"
DAY = "2024-06-01/2024-06-02"
ROWS = [
    {"__time": "2024-06-01T03:00:00Z", "city": "Rome", "session_length": 1},
    {"__time": "2024-06-03T03:00:00Z", "city": "Rome", "level": 2},
]


def _stream(api, rows=ROWS, table=SOURCE):
    return api.control("POST", f"/tables/{table}/realtime", {"rows": rows})


def _hand_over(api, table=SOURCE):
    return api.control("POST", f"/tables/{table}/handoff", {})


def test_real_time_rows_are_seen_by_synchronous_queries_only(koalas) -> None:
    """Jobs don't read them, and the table's counts exclude them."""
    assert _stream(koalas) == (201, {"rows": 2})
    assert (koalas.count(), koalas.count_async()) == (6, 4)
    assert koalas.query(f'SELECT "level" FROM "{SOURCE}" WHERE "level" IS NOT NULL') == [{"level": 2}]
    table = koalas.ok("GET", f"/tables/{SOURCE}")
    assert (table["totalRows"], table["segmentCount"], table["availability"]) == (4, 2, "available")
    koalas.run(koalas.rollup())
    assert koalas.query('SELECT SUM("__count") AS "n" FROM "Koalas Rollup"') == [{"n": 4}]
    assert koalas.segments("realtime") != []
    assert koalas.unused() == []


def test_real_time_rows_are_seen_by_asynchronous_queries_if_assumed_so(koalas) -> None:
    """Then a count may exceed the number of rows that a job reads."""
    koalas.assume(realtime_async="show")
    _stream(koalas)
    assert koalas.count_async() == 6


def test_real_time_rows_outlive_a_deletion_and_a_replace_of_their_interval(koalas) -> None:
    """They are not segments yet, so the deletion doesn't affect rows that are handed over later."""
    _stream(koalas)
    koalas.run(koalas.about("delete_data", SOURCE, deleteAll=True))
    assert koalas.count() == 2
    replaced = {"ingestionMode": "replace", "replaceAll": True}
    koalas.run(koalas.upload_job(SOURCE, f"{SOURCE}.json") | replaced)
    assert (koalas.count(), koalas.count_async()) == (6, 4)
    assert _hand_over(koalas) == (200, {"rows": 2, "segments": 2})
    assert (koalas.count(), koalas.count_async()) == (6, 6)


def test_handed_over_rows_are_appended_to_the_segments_of_their_day(koalas) -> None:
    """They get the version of the day, if it has one; a second handover finds no rows."""
    _stream(koalas, ROWS[:1])
    _stream(koalas)
    assert _hand_over(koalas) == (200, {"rows": 3, "segments": 3})
    used = koalas.control("GET", f"/tables/{SOURCE}/segments")[1]["used"]
    assert [(one["interval"][:10], one["partitionNumber"], one["numRows"]) for one in used] == [
        ("2024-06-01", 0, 3),
        ("2024-06-01", 1, 1),
        ("2024-06-01", 2, 1),
        ("2024-06-02", 0, 1),
        ("2024-06-03", 0, 1),
    ]
    assert len({one["version"] for one in used[:3]}) == 1
    assert _hand_over(koalas) == (200, {"rows": 0, "segments": 0})
    koalas.run(koalas.rollup())
    assert koalas.query('SELECT SUM("__count") AS "n" FROM "Koalas Rollup"') == [{"n": 7}]


def test_hand_over_into_another_granularity_is_refused(koalas) -> None:
    """A month segment has replaced the days; the rows stay real-time rows."""
    _stream(koalas)
    monthly = {"ingestionMode": "replace", "replaceAll": True, "partitionedBy": "month"}
    koalas.run(koalas.upload_job(SOURCE, f"{SOURCE}.json") | monthly)
    assert _hand_over(koalas) == (
        400,
        {
            "code": "BadRequest",
            "message": (
                "the real-time rows of 2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z can't be handed over: table "
                "'Koalas Source' has segment 2024-06-01T00:00:00.000Z/2024-07-01T00:00:00.000Z of another granularity "
                "there."
            ),
        },
    )
    assert koalas.count() == 6


def test_rows_that_are_not_retained_go_when_they_are_handed_over(koalas) -> None:
    """Retention applies to segments."""
    koalas.policy(retain={"type": "period", "period": "P29D"})
    _stream(koalas)
    assert koalas.count() == 3
    _hand_over(koalas)
    assert koalas.count() == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "field 'rows' has the value []: List should have at least 1 item after validation, not 0."),
        (
            [{"city": "Rome"}],
            "the rows can't be stored in table 'Koalas Source': '__time' is null in a row of the job.",
        ),
        (
            [ROWS[0], {"__time": "2024-06-01", "__segment": 1}],
            (
                "the rows can't be stored in table 'Koalas Source': job on table 'Koalas Source': table 'Koalas "
                "Source' can't have a column '__segment': the emulator reserves this name."
            ),
        ),
    ],
)
def test_rows_that_cannot_be_stored_are_refused_all_together(koalas, rows, message) -> None:
    """The reply is a 400, and no row is stored."""
    assert _stream(koalas, rows) == (400, {"code": "BadRequest", "message": message, "target": "rows"})
    assert koalas.count() == 4


def test_segments_that_load_slowly_are_not_seen_by_synchronous_queries_at_first(koalas, clock) -> None:
    """The job has completed; until the segments are loaded, the table is unavailable and can't be a source."""
    assert koalas.control("PATCH", f"/tables/{SOURCE}", {"loadSeconds": 30}) == (
        200,
        {"availability": None, "loadSeconds": 30},
    )
    clock.advance(60)
    koalas.run(koalas.upload_job(SOURCE, f"{SOURCE}.json"))
    table = koalas.ok("GET", f"/tables/{SOURCE}")
    assert (table["availability"], table["totalRows"], table["precachedDataSizeBytes"]) == ("unavailable", 8, 92)
    assert (koalas.count(), koalas.count_async()) == (4, 8)
    assert koalas.call("POST", "/jobs", koalas.rollup()) == (
        400,
        {
            "code": "BadRequest",
            "message": "table 'Koalas Source' is 'unavailable' and can't be a source now.",
            "target": "source.tableName",
        },
    )
    clock.advance(30)
    assert koalas.ok("GET", f"/tables/{SOURCE}")["availability"] == "available"
    assert koalas.count() == 8


def test_restored_segments_load_slowly_too(koalas, clock) -> None:
    """The vendor documents a delay."""
    koalas.control("PATCH", f"/tables/{SOURCE}", {"loadSeconds": 30})
    koalas.run(koalas.about("delete_data", SOURCE, DAY, softDelete=True))
    clock.advance(60)
    koalas.run(koalas.about("restore_data", SOURCE, interval=DAY))
    assert (koalas.count(), koalas.count_async()) == (1, 4)
    clock.advance(30)
    assert koalas.count() == 4


def test_segments_that_are_never_precached_do_not_make_a_table_unavailable(koalas) -> None:
    """The emulator doesn't wait for segments that are not precached."""
    koalas.policy(cached={"type": "intervals", "intervals": ["2030-01-01/2030-01-02"]})
    koalas.control("PATCH", f"/tables/{SOURCE}", {"loadSeconds": 30})
    koalas.run(koalas.upload_job(SOURCE, f"{SOURCE}.json"))
    assert koalas.ok("GET", f"/tables/{SOURCE}")["availability"] == "available"


def test_availability_can_be_forced_and_given_back(koalas) -> None:
    """In describe and in the list; absent fields stay unchanged."""
    koalas.control("PATCH", f"/tables/{SOURCE}", {"loadSeconds": 5})
    assert koalas.control("PATCH", f"/tables/{SOURCE}", {"availability": "unavailable"}) == (
        200,
        {"availability": "unavailable", "loadSeconds": 5},
    )
    assert koalas.ok("GET", f"/tables/{SOURCE}")["availability"] == "unavailable"
    assert koalas.ok("GET", "/tables")["values"][0]["availability"] == "unavailable"
    koalas.control("PATCH", f"/tables/{SOURCE}", {"availability": None, "loadSeconds": 0})
    assert koalas.ok("GET", f"/tables/{SOURCE}")["availability"] == "available"
    assert koalas.control("PATCH", f"/tables/{SOURCE}", {"availability": "gone"})[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/segments", None),
        ("POST", "/realtime", {"rows": ROWS}),
        ("POST", "/handoff", {}),
        ("PATCH", "", {}),
    ],
)
def test_control_of_a_table_that_does_not_exist_is_a_404(api, method, path, body) -> None:
    """The message has the name."""
    assert api.control(method, f"/tables/nope{path}", body) == (
        404,
        {"code": "NotFound", "message": "Table 'nope' does not exist."},
    )


def test_table_page_shows_versions_real_time_rows_and_the_policy(koalas) -> None:
    """Live and softly deleted segments with their versions, on one page."""
    _stream(koalas)
    koalas.policy(cached={"type": "period", "period": "P29D"})
    koalas.run(koalas.about("delete_data", SOURCE, DAY, softDelete=True))
    page = koalas.client.get("/__emulator__/tables/Koalas%20Source").text.replace("<wbr>", "")  # where a line may break
    assert "<dt>Storage policy</dt><dd>{&#34;cached&#34;" in page
    listed = {}
    for lane in ("live", "realtime", "deleted"):
        _, found = page.split(f'<details id="{lane}">')
        table, _, _ = found.partition("</details>")
        listed[lane] = re.findall(r'<tr><td><span class="interval">(.*?)</span>.*?<td>(2024-07-01T[^<]*)</td>', table)
    version = "2024-07-01T00:00:00.123Z"
    assert listed["live"] == [("2024-06-02/2024-06-03", version)]
    assert listed["deleted"] == [("2024-06-01/2024-06-02", version)]
    assert len(listed["realtime"]) == 2
    assert ">Delete data: Koalas Source</a>" in koalas.client.get("/__emulator__/").text
