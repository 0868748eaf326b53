# SPDX-License-Identifier: Apache-2.0
"""Tables: create, list, describe, update, unused segments."""

from __future__ import annotations

import pytest

CITY = {"name": "city", "dataType": "string"}
LENGTH = {"name": "length", "dataType": "long"}


def test_create_table_answers_with_the_table(api) -> None:
    """201, version 0, and the same as describe."""
    body = {"name": "Wombats & co", "type": "detail", "schema": [CITY], "description": "Burrows", "version": 0}
    status, created = api.call("POST", "/tables", body)
    assert (status, created["version"], created["description"]) == (201, 0, "Burrows")
    assert created == api.ok("GET", "/tables/Wombats%20%26%20co")
    assert (created["schemaMode"], created["partitioningGranularity"], created["availability"]) == (
        "flexible",
        "day",
        "available",
    )
    assert created["queryableSchema"] == [
        {"name": "__time", "dataType": "timestamp", "isDiscovered": False},
        {"name": "city", "dataType": "string", "isDiscovered": False},
    ]
    assert (created["totalRows"], created["segmentCount"]) == (0, 0)


def test_describe_table_has_rows_segments_and_discovered_columns(koalas) -> None:
    """A column that a job added to a flexible table is queryable, but not declared."""
    koalas.ok("POST", "/tables", {"name": "t", "type": "detail", "schema": [CITY]})
    mappings = [{"columnName": "city", "expression": '"city"'}, {"columnName": "s", "expression": '"session"'}]
    koalas.run(koalas.rollup(target={"type": "table", "tableName": "t"}, mappings=mappings))
    table = koalas.ok("GET", "/tables/t")
    assert (table["totalRows"], table["segmentCount"], table["schema"]) == (4, 2, [CITY])
    assert {"name": "s", "dataType": "string", "isDiscovered": True} in table["queryableSchema"]
    assert table["segmentTotalBytes"] == table["totalDataSizeBytes"] > 0


def test_list_tables_filters(koalas) -> None:
    """By partitioning granularity and by number of segments; the two are AND-ed."""
    koalas.ok("POST", "/tables", {"name": "months", "type": "detail", "partitioningGranularity": "month"})

    def names(query):
        return [table["name"] for table in koalas.ok("GET", f"/tables{query}")["values"]]

    assert names("") == ["Koalas Source", "months"]
    assert names("?partitioningGranularity=month") == ["months"]
    assert names("?segmentCount=2") == ["Koalas Source"]
    assert names("?segmentCount=2&partitioningGranularity=month") == []
    assert koalas.call("GET", "/tables?partitioningGranularity=fortnight")[0] == 400
    assert koalas.call("GET", "/tables?segmentCount=-1")[0] == 400


@pytest.mark.parametrize(
    ("changes", "status", "message", "target"),
    [
        ({"name": None}, 400, "field 'name' is required.", "name"),
        ({"name": ".hidden"}, 400, "table name '.hidden' is not valid: it starts with '.'.", "name"),
        ({"type": "table"}, 400, None, "type"),
        ({"partitioningGranularity": "week"}, 400, None, "partitioningGranularity"),
        ({"schema": [{"name": "a", "dataType": "int"}]}, 400, None, "schema[0].dataType"),
        ({"schema": [CITY, CITY]}, 400, "column 'city' occurs more than once.", "schema[1].name"),
        (
            {"schema": [{**CITY, "type": "dimension"}]},
            400,
            "field 'schema[0].type' is for aggregate tables.",
            "schema[0].type",
        ),
        (
            {"type": "aggregate", "schema": [CITY]},
            400,
            "field 'schema[0].type' is required: 'dimension' or 'measure'.",
            "schema[0].type",
        ),
        (
            {"schema": [{"name": "__time", "dataType": "string"}]},
            400,
            "column '__time' must be a dimension of type 'timestamp'.",
            "schema[0].dataType",
        ),
        ({"clusteringColumns": ["zip"]}, 400, "column 'zip' is not a dimension of the table.", "clusteringColumns"),
        (
            {"timeResolution": "hour"},
            400,
            "'timeResolution' and 'queryGranularity' are for aggregate tables.",
            "timeResolution",
        ),
        (
            {"type": "aggregate", "timeResolution": "month"},
            400,
            (
                "field 'timeResolution' has the value 'month': it can't be coarser than the partitioning granularity "
                "'day'."
            ),
            "timeResolution",
        ),
        ({"type": "aggregate", "timeResolution": "eon"}, 400, None, "timeResolution"),
        ({"description": "x" * 1001}, 400, None, "description"),
    ],
)
def test_create_table_that_breaks_a_rule_is_refused(api, changes, status, message, target) -> None:
    """The error's target is the invalid field, and no table is created."""
    body = {key: value for key, value in {"name": "t", "type": "detail", **changes}.items() if value is not None}
    refused, answer = api.call("POST", "/tables", body)
    assert (refused, answer["target"]) == (status, target)
    assert message in (None, answer["message"])
    assert api.ok("GET", "/tables") == {"values": []}


def test_create_table_twice_is_a_conflict(api) -> None:
    """409, and the first one stays."""
    api.ok("POST", "/tables", {"name": "t", "type": "detail"})
    assert api.call("POST", "/tables", {"name": "t", "type": "aggregate"}) == (
        409,
        {"code": "Conflict", "message": "table 't' exists already."},
    )
    assert api.ok("GET", "/tables/t")["type"] == "detail"


def test_update_table_adds_columns_and_counts_the_version_up(koalas) -> None:
    """A table can be sent back with a change; columns can be added to a table with data."""
    table = koalas.ok("GET", "/tables/Koalas Source")
    koalas.clock.advance(1)
    body = {**table, "schema": [*table["schema"], {"name": "zip", "dataType": "string"}], "description": "more"}
    updated = koalas.ok("PUT", "/tables/Koalas Source", body)
    assert (updated["version"], updated["description"], updated["id"]) == (1, "more", table["id"])
    assert updated["schema"] == body["schema"]
    assert updated["createdOnTimestamp"] == table["createdOnTimestamp"] < updated["modifiedOnTimestamp"]
    assert koalas.query('SELECT "city", "zip" FROM "Koalas Source" WHERE "session" = \'S3\'') == [
        {"city": "Oslo", "zip": None}
    ]


def test_update_table_with_a_stale_version_is_a_conflict(api) -> None:
    """Of two updates of the same version, the second is rejected and changes nothing."""
    table = api.ok("POST", "/tables", {"name": "t", "type": "detail"})
    api.ok("PUT", "/tables/t", {**table, "description": "first"})
    status, answer = api.call("PUT", "/tables/t", {**table, "description": "second"})
    assert (status, answer["code"]) == (409, "Conflict")
    assert api.ok("GET", "/tables/t")["description"] == "first"


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"type": "aggregate", "schema": []}, 400, "table 't' is of type 'detail', which can't change."),
        ({"name": "u"}, 400, "field 'name' has the value 'u': a table can't be renamed."),
        ({"version": None}, 400, "field 'version' is required."),
    ],
)
def test_update_table_that_breaks_a_rule_is_refused(api, changes, status, message) -> None:
    """Type and name can't change; the version is required."""
    table = api.ok("POST", "/tables", {"name": "t", "type": "detail", "schema": [CITY]})
    refused, answer = api.call("PUT", "/tables/t", {**table, **changes})
    assert (refused, answer["message"]) == (status, message)
    assert api.ok("GET", "/tables/t") == table


def test_update_table_with_data_cannot_change_columns(koalas) -> None:
    """Changing and removing columns is for empty tables."""
    table = koalas.ok("GET", "/tables/Koalas Source")
    without_city = [column for column in table["schema"] if column["name"] != "city"]
    status, answer = koalas.call("PUT", "/tables/Koalas Source", {**table, "schema": without_city})
    assert (status, answer["code"]) == (400, "BadRequest")
    assert "'city'" in answer["message"]
    assert koalas.ok("GET", "/tables/Koalas Source") == table


def test_update_table_with_an_active_job_cannot_change_columns(make_api) -> None:
    """An active job may need the column."""
    api = make_api("seconds=60")
    api.upload("k.json", [])
    api.ok("POST", "/tables", {"name": "t", "type": "detail", "schema": [CITY, LENGTH]})
    api.submit(api.upload_job("t", "k.json"))
    table = api.ok("GET", "/tables/t")
    status, answer = api.call("PUT", "/tables/t", {**table, "schema": [CITY]})
    assert (status, answer["message"]) == (
        400,
        "column 'length' of table 't' can't be changed or removed: the table has active jobs.",
    )


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("name", ["nope", "%00", "..", ".%2e", "%2e%2e%2ftables", "x" * 300, "a%ff"])
def test_unknown_table_is_a_404(api, method, name) -> None:
    """An invalid name is a 404, too; no name reaches another path."""
    status, answer = api.call(method, f"/tables/{name}", {"type": "detail"} if method == "PUT" else None)
    assert (status, answer["code"]) in {(404, "NotFound"), (405, "MethodNotAllowed")}


def test_unused_segments_are_those_that_were_replaced(koalas) -> None:
    """A replace hides the old segments; they are listed by descending id, in pages."""
    assert koalas.ok("GET", "/tables/Koalas Source/unusedSegments") == {"values": []}
    koalas.run(koalas.rollup())
    koalas.clock.advance(1)
    koalas.run(koalas.rollup(ingestionMode="replace", replaceAll=True))
    values = koalas.ok("GET", "/tables/Koalas Rollup/unusedSegments")["values"]
    assert [value["interval"] for value in values] == [
        "2024-06-02T00:00:00.000Z/2024-06-03T00:00:00.000Z",
        "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z",
    ]
    assert {value["tableName"] for value in values} == {"Koalas Rollup"}
    assert values[0]["lastUpdatedOnTimestamp"] > values[0]["createdOnTimestamp"]
    path = "/tables/Koalas Rollup/unusedSegments"
    assert koalas.ok("GET", f"{path}?limit=1")["values"] == values[:1]
    after = {"limit": 1, "lastSegmentId": values[0]["id"]}
    assert koalas.ok("GET", path, params=after)["values"] == values[1:]
    assert koalas.ok("GET", f"{path}?interval=2024-06-01/P1D")["values"] == values[1:]
    assert koalas.ok("GET", f"{path}?sortOrder=ASC")["values"] == values[::-1]
    assert koalas.call("GET", f"{path}?interval=yesterday")[0] == 400
    assert koalas.call("GET", f"{path}?limit=0")[0] == 400
    assert koalas.call("GET", "/tables/nope/unusedSegments")[0] == 404
