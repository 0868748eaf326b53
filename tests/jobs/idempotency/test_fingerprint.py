# SPDX-License-Identifier: Apache-2.0
"""Fingerprints: equivalent specs have equal ones, and an echo is distinguished from another job."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_polaris.jobs.idempotency.fingerprint import changed_fields, contradictions, fingerprint
from airflow_provider_polaris.jobs.spec.job_spec import parse_spec

SAMPLES = Path(__file__).parents[2] / "samples" / "jobs" / "table_to_table"

SPEC: dict[str, Any] = {
    "type": "batch",
    "ingestionMode": "replace",
    "source": {"type": "table", "tableName": "s", "interval": "2024-06-01/2024-06-03"},
    "target": {"type": "table", "tableName": "t", "intervals": ["2024-06-01/2024-06-03"]},
    "mappings": [
        {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"},
        {"columnName": "n", "expression": "COUNT(*)", "isAggregation": True},
    ],
    "filterExpression": "\"city\" = 'Oslo'",
    "context": {"maxNumTasks": 3, "nested": {"a": 1, "b": 2}},
}
CONTEXT = SPEC["context"]
OTHERS: dict[str, dict[str, Any]] = {
    "sql": {"type": "sql", "query": "INSERT INTO t\n SELECT 1", "parameters": [{"type": "VARCHAR", "value": "x"}]},
    "delete_data": {"type": "delete_data", "target": {"tableName": "t", "intervals": ["2024-06-01/P1D"]}},
    "restore_data": {"type": "restore_data", "target": {"tableName": "t"}, "interval": "2024-06-01/P1D"},
    "drop_table": {"type": "drop_table", "target": {"tableName": "t"}},
}


def spec(**changes: Any) -> dict[str, Any]:
    return {**SPEC, **changes}


def sample(name: str) -> Any:
    data = json.loads((SAMPLES / name).read_text())
    return data.get("body", data)


def echo(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a description that contains the spec, with changes."""
    inner = {**body, **changes}
    top = {name: inner[name] for name in ("type", "source", "target", "ingestionMode", "query") if name in inner}
    return {**top, "id": "j1", "executionStatus": "running", "spec": {**inner, "desiredExecutionStatus": "running"}}


SAME = {
    "interval notation": {"target": {**SPEC["target"], "intervals": ["2024-06-01T00:00:00.000Z/P2D"]}},
    "interval cut in two": {"target": {**SPEC["target"], "intervals": ["2024-06-02/P1D", "2024-06-01/P1D"]}},
    "source interval notation": {"source": {**SPEC["source"], "interval": "2024-06-01T02:00+02:00/P2D"}},
    "defaults": {"replaceAll": False, "createTableIfNotExists": False, "maxParseExceptions": 2147483647},
    "null": {"partitionedBy": None, "clusteringColumns": None},
    "empty": {"clusteringColumns": []},
    "blanks in SQL": {"filterExpression": "\"city\"  =\n'Oslo' "},
    "blanks in a mapping": {
        "mappings": [SPEC["mappings"][0], {"columnName": "n", "expression": " COUNT(*)\n", "isAggregation": True}]
    },
    "marker": {"context": {**CONTEXT, "airflow": "0123"}},
    "origin": {"context": {**CONTEXT, "airflowOrigin": {"dag": "d", "task": "t", "run": "r", "try": 2}}},
    "check for rows": {"context": {**CONTEXT, "failOnEmptyInsert": True}},
    "order of keys": {"context": {"nested": {"b": 2, "a": 1}, "maxNumTasks": 3}},
    "what Polaris ignores": {"desiredExecutionStatus": "running"},
    "null aggregation": {"mappings": [{**SPEC["mappings"][0], "isAggregation": None}, SPEC["mappings"][1]]},
    "target type": {"target": {"tableName": "t", "intervals": ["2024-06-01/2024-06-03"]}},
}
DIFFERENT = {
    "ingestionMode": {"ingestionMode": "append"},
    "source.tableName": {"source": {**SPEC["source"], "tableName": "other"}},
    "source.interval": {"source": {**SPEC["source"], "interval": "2024-06-01/2024-06-02"}},
    "target.tableName": {"target": {**SPEC["target"], "tableName": "other"}},
    "target.intervals": {"target": {**SPEC["target"], "intervals": ["2024-06-01/2024-06-02"]}},
    "mappings": {"mappings": SPEC["mappings"][:1]},
    "filterExpression": {"filterExpression": None},
    "maxParseExceptions": {"maxParseExceptions": 1},
    "createTableIfNotExists": {"createTableIfNotExists": True},
    "replaceAll": {"replaceAll": True},
    "partitionedBy": {"partitionedBy": "hour"},
    "context.maxNumTasks": {"context": {**CONTEXT, "maxNumTasks": 4}},
    "type": {"type": "sql"},
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_fingerprint_same_meaning_same_fingerprint(change: dict[str, Any]) -> None:
    """The notation does not matter."""
    assert changed_fields(fingerprint(SPEC), fingerprint(spec(**change))) == ()


@pytest.mark.parametrize(("field", "change"), DIFFERENT.items(), ids=DIFFERENT)
def test_changed_fields_names_what_differs(field: str, change: dict[str, Any]) -> None:
    """The names are those of the API."""
    assert changed_fields(fingerprint(SPEC), fingerprint(spec(**change))) == (field,)


def test_changed_fields_names_an_aggregation_as_mappings() -> None:
    """A flag inside a mapping is part of the mappings in the error."""
    mappings = [SPEC["mappings"][0], {**SPEC["mappings"][1], "isAggregation": False}]
    assert changed_fields(fingerprint(SPEC), fingerprint(spec(mappings=mappings))) == ("mappings",)


def test_fingerprint_is_the_same_in_every_process() -> None:
    """Fingerprints are stored, so they must not depend on Python's hash seed, nor change with a version."""
    assert fingerprint({"type": "drop_table", "target": {"tableName": "t"}}) == {
        "type": "2113cad2d1a7d170",
        "target.tableName": "8ca5d81566f88bad",
    }


@pytest.mark.parametrize("kind", ["batch", *OTHERS])
def test_fingerprint_of_a_spec_and_of_its_model_are_the_same(kind: str) -> None:
    """A spec that our models have written with all defaults is equivalent."""
    body = SPEC if kind == "batch" else OTHERS[kind]
    assert fingerprint(parse_spec(body).to_wire()) == fingerprint(body)


def test_fingerprint_interval_in_a_notation_of_the_future_is_kept_as_text() -> None:
    """An unparsable value can still be compared."""
    strange = {"type": "delete_data", "target": {"tableName": "t", "intervals": ["last week"]}}
    assert contradictions(fingerprint(strange), echo(strange)) == ()
    other = {"type": "delete_data", "target": {"tableName": "t", "intervals": ["next week"]}}
    assert contradictions(fingerprint(strange), echo(other)) == ("target.intervals",)


def test_contradictions_vendor_sample_has_none() -> None:
    """The documentation's own request is recognized in the documentation's own answer."""
    assert contradictions(fingerprint(sample("request.json")), sample("201.json")) == ()


def test_contradictions_vendor_sample_of_another_request_are_named() -> None:
    """A request that differs in one expression is not recognized."""
    request = sample("request.json")
    request["mappings"][0]["expression"] = 'LOWER("city")'
    assert contradictions(fingerprint(request), sample("201.json")) == ("mappings",)


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_contradictions_echo_of_the_same_has_none(change: dict[str, Any]) -> None:
    """Polaris may write the request in its own form."""
    assert contradictions(fingerprint(SPEC), echo(SPEC, **change)) == ()


@pytest.mark.parametrize(("field", "change"), DIFFERENT.items(), ids=DIFFERENT)
def test_contradictions_echo_of_another_job_names_the_field(field: str, change: dict[str, Any]) -> None:
    """A job with another spec is another client's, unless Polaris may have completed the field."""
    expected = () if field in ("partitionedBy",) else (field,)
    assert contradictions(fingerprint(SPEC), echo(SPEC, **change)) == expected


@pytest.mark.parametrize("kind", OTHERS)
def test_contradictions_every_type_of_job_is_recognized(kind: str) -> None:
    """Fields of another type may be missing in the echo, and its source and SQL may be present."""
    body = OTHERS[kind]
    shown = echo(body, target={"type": "table", "tableName": "t", "intervals": body.get("target", {}).get("intervals")})
    assert contradictions(fingerprint(body), shown) == ()


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        ("sql", {"query": "INSERT INTO t SELECT 2"}, "query"),
        ("delete_data", {"target": {"tableName": "t", "intervals": ["2024-06-02/P1D"]}}, "target.intervals"),
        ("delete_data", {"softDelete": True}, "softDelete"),
        ("delete_data", {"deleteAll": True}, "deleteAll"),
        ("restore_data", {"versions": ["v1"]}, "versions"),
        ("restore_data", {"interval": "2024-06-02/P1D"}, "interval"),
        ("drop_table", {"target": {"tableName": "u"}}, "target.tableName"),
    ],
)
def test_contradictions_every_type_of_job_is_told_from_others(kind: str, change: dict[str, Any], field: str) -> None:
    """Each type is compared by the fields that describe it."""
    assert contradictions(fingerprint(OTHERS[kind]), echo(OTHERS[kind], **change)) == (field,)


@pytest.mark.parametrize(
    "change",
    [
        {"mappings": [*SPEC["mappings"], {"columnName": "__count", "expression": "COUNT(*)", "isAggregation": True}]},
        {"mappings": [{**one, "isAggregation": False} for one in SPEC["mappings"]]},
        {"partitionedBy": "day", "clusteringColumns": ["city"]},
        {"context": {**CONTEXT, "sqlTimeZone": "UTC"}},
        {"context": None},
        {"createTableIfNotExists": None, "replaceAll": None},
    ],
    ids=["added-count", "resolved-aggregation", "filled-in", "more-context", "no-context", "not-echoed"],
)
def test_contradictions_what_polaris_adds_or_leaves_out_is_none(change: dict[str, Any]) -> None:
    """Our own job must be recognized; otherwise it would be submitted twice."""
    assert contradictions(fingerprint(SPEC), echo(SPEC, **change)) == ()


def test_contradictions_a_count_of_our_own_is_expected() -> None:
    """Polaris' added mapping may be missing in an echo; a requested one may not."""
    count = {"columnName": "__count", "expression": "COUNT(*)", "isAggregation": True}
    ours = fingerprint(spec(mappings=[*SPEC["mappings"], count]))
    assert contradictions(ours, echo(SPEC)) == ("mappings",)


def test_contradictions_reads_what_stands_only_in_one_half_of_a_description() -> None:
    """Some fields are at the top of a description, some in its spec, some in both."""
    described = echo(SPEC)
    inner = {key: value for key, value in described["spec"].items() if key not in ("mappings", "source")}
    inner["target"] = {"tableName": None, "intervals": SPEC["target"]["intervals"]}
    halves = {**described, "target": {"tableName": "t", "intervals": None}, "mappings": SPEC["mappings"], "spec": inner}
    assert contradictions(fingerprint(SPEC), halves) == ()
    assert contradictions(fingerprint(SPEC), {**described, "spec": None}) == ("filterExpression", "mappings")


def test_fingerprint_is_the_one_that_records_have() -> None:
    """Records outlive upgrades: another digest of the same field would look like a changed job."""
    assert fingerprint(SPEC) == {
        "context.maxNumTasks": "4e07408562bedb8b",
        "context.nested": "43258cff783fe703",
        "filterExpression": "da158c7eb46b81ea",
        "ingestionMode": "197d1a176b127ea0",
        "mappings": "3db4445dad4fa835",
        "mappings.isAggregation": "c935eb54c95151ea",
        "source.interval": "6eb3fa4b87d094e4",
        "source.tableName": "0f4657778ae14ff7",
        "source.type": "3eb9810d90d99573",
        "target.intervals": "ec86d2ee230d8070",
        "target.tableName": "8ca5d81566f88bad",
        "type": "65329cc8b768423c",
    }
    assert fingerprint(OTHERS["restore_data"])["interval"] == "e86d7affef015a96"
    assert fingerprint(OTHERS["sql"])["query"] == "89ec82bf0dc096fa"


def test_fingerprint_of_a_value_that_is_no_json_is_that_of_its_text() -> None:
    """A rendered template may have left one."""
    assert fingerprint({"since": date(2024, 6, 1)}) == fingerprint({"since": "2024-06-01"})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"note": "2024-06-01/P1D"}, {"note": "2024-06-01/2024-06-02"}),
        ({"clusteringColumns": ["b", "a"]}, {"clusteringColumns": ["a", "b"]}),
    ],
)
def test_fingerprint_of_other_fields_is_of_the_text_as_it_is(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Only intervals have several notations, and no order."""
    assert changed_fields(fingerprint(one), fingerprint(other)) == tuple(one)


def test_fingerprint_of_a_flag_belongs_to_its_column() -> None:
    """The same flag of another column is another job."""
    one = [{"columnName": "n", "expression": "x", "isAggregation": True}, {"columnName": "m", "expression": "x"}]
    two = [{"columnName": "n", "expression": "x"}, {"columnName": "m", "expression": "x", "isAggregation": True}]
    assert changed_fields(fingerprint({"mappings": one}), fingerprint({"mappings": two})) == ("mappings",)


@pytest.mark.parametrize(
    "body",
    [
        {"source": "s"},
        {"mappings": "x"},
        {"mappings": ["x"]},
        {"mappings": [{"columnName": "x"}]},
        {"tuning": {"rows": 1}},
    ],
)
def test_fingerprint_of_a_form_of_the_future_is_of_the_whole_field(body: dict[str, Any]) -> None:
    """A field that isn't what we know is compared as it is."""
    assert list(fingerprint(body)) == list(body)


def test_contradictions_job_without_a_type_is_another_one() -> None:
    """Each job has one."""
    job = echo(SPEC)
    del job["type"], job["spec"]["type"]
    assert contradictions(fingerprint(SPEC), job) == ("type",)


def test_contradictions_reads_a_source_and_a_target_whose_halves_differ() -> None:
    """Each half has fields that the other lacks."""
    job = echo(SPEC)
    for part in ("source", "target"):
        job[part] = {"tableName": SPEC[part]["tableName"]}
        job["spec"][part] = {name: value for name, value in SPEC[part].items() if name != "tableName"}
    assert contradictions(fingerprint(SPEC), job) == ()
