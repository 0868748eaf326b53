# SPDX-License-Identifier: Apache-2.0
"""The OpenLineage facets of a task, and those that remain after an error."""

from __future__ import annotations

import json
import logging
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.assets import table_asset, to_openlineage
from airflow_provider_polaris.client import ClientSettings
from airflow_provider_polaris.jobs.errors import PolarisTransportError
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.operators.openlineage import task_lineage
from airflow_provider_polaris.operators.openlineage.table_columns import Column, read_columns
from airflow_provider_polaris.operators.polaris import PolarisDropTableOperator
from tests.fixtures import KEY, PROJECT

pytest.importorskip("airflow.providers.openlineage")

LOG = logging.getLogger("test.task")
FACTS = {"rows_processed": 300, "rows_persisted": 20, "bytes": 9000, "adopted": False}
SPEC = {
    "type": "batch",
    "source": {"type": "table", "tableName": "raw"},
    "target": {"type": "table", "tableName": "hourly", "intervals": []},
    "ingestionMode": "append",
    "mappings": [{"columnName": "city", "expression": '"city"', "isAggregation": None}],
    "partitionedBy": "day",
}


@pytest.fixture
def settings(server) -> ClientSettings:
    """Connect to the scripted server, which has no table until a test adds one."""
    return ClientSettings.from_host(server.url, project_id=PROJECT, api_key=KEY)


def described(kind: str = "batch", status: str = "completed", **values: Any) -> JobState:
    """Return a job as Polaris describes it; the spec of a batch job with the fields given."""
    spec = {**SPEC, **values.pop("spec", {})} if kind == "batch" else values.pop("spec", {})
    body = {"id": "j1", "type": kind, "executionStatus": status, "health": {"status": "ok"}, "spec": spec}
    if kind not in ("batch", "sql"):
        body["target"] = {"type": "table", "tableName": "hourly", "intervals": []}
    return JobState.from_wire({**body, **values})


def told(state: JobState | None, settings: ClientSettings, facts: Any = FACTS) -> Any:
    """Return the lineage of a task with that job."""
    return task_lineage(SimpleNamespace(state=state, facts=facts, hook=SimpleNamespace(settings=settings)), LOG)


def plain(value: Any) -> Any:
    """Return facets as they are sent, without the addresses of schemas and producers."""
    from openlineage.client.serde import Serde

    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}

    def drop(inner: dict[str, Any]) -> dict[str, Any]:
        return {name: each for name, each in inner.items() if name not in ("_producer", "_schemaURL")}

    return None if value is None else json.loads(Serde.to_json(value), object_hook=drop)


def arrow(settings: ClientSettings, column: str, subtype: str, **more: Any) -> dict[str, Any]:
    """Return one column of the table 'raw' that another one is computed from."""
    return {
        "namespace": settings.base_url.replace("http", "polaris"),
        "name": f"{PROJECT}.raw",
        "field": column,
        "transformations": [{"type": "DIRECT", "subtype": subtype, "masking": False, **more}],
    }


def test_lineage_without_a_job_is_empty(settings):
    """A task that ended before it had a job causes no warning of Airflow's provider."""
    from airflow.providers.openlineage.extractors import OperatorLineage

    assert told(None, settings) == OperatorLineage()
    assert task_lineage(None, LOG) == OperatorLineage()


def test_operators_tell_openlineage_of_their_last_attempt(settings):
    """The method that Airflow's provider calls exists, and a task that did not start returns nothing."""
    operator = PolarisDropTableOperator(task_id="drop", table_name="hourly", confirm_table_name="hourly")

    assert operator.get_openlineage_facets_on_complete(None).outputs == []
    operator._run = SimpleNamespace(state=described("drop_table"), facts=FACTS, hook=SimpleNamespace(settings=settings))
    assert [each.name for each in operator.get_openlineage_facets_on_complete(None).outputs] == [f"{PROJECT}.hourly"]


def test_lineage_without_the_provider_is_none(settings, monkeypatch):
    """Without the provider there is no error."""
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage.extractors", None)

    assert told(described(), settings) is None


def test_datasets_are_named_as_assets_are(settings):
    """The tables of a DAG's schedule and of the lineage have the same names."""
    lineage = told(described(), settings)

    for dataset, table in ((lineage.inputs[0], "raw"), (lineage.outputs[0], "hourly")):
        named = to_openlineage(table_asset(table, host=settings.base_url, project_id=PROJECT), None)
        assert (dataset.namespace, dataset.name) == (named.namespace, named.name)
    assert lineage.run_facets["externalQuery"].source == lineage.outputs[0].namespace


def test_lineage_of_an_append_has_statistics_and_no_change(settings, server):
    """Schema facets are those of Polaris; declared columns come before those that exist only in the data."""
    server.answer(
        "GET",
        "/tables/raw",
        200,
        {
            "name": "raw",
            "schema": [{"name": "__time", "dataType": "timestamp"}],
            "queryableSchema": [{"name": "city", "dataType": "string"}, {"name": "__time", "dataType": "long"}],
        },
    )
    lineage = told(described(), settings)
    namespace = settings.base_url.replace("http", "polaris")
    source = {"dataSource": {"name": namespace, "uri": namespace}}
    fields = [{"name": "__time", "type": "timestamp", "fields": []}, {"name": "city", "type": "string", "fields": []}]

    assert plain(lineage.inputs) == [
        {
            "namespace": namespace,
            "name": f"{PROJECT}.raw",
            "facets": {**source, "schema": {"fields": fields}},
            "inputFacets": {"inputStatistics": {"rowCount": 300, "size": 9000}},
        }
    ]
    arrows = {
        name: {"inputFields": [arrow(settings, name, "IDENTITY", description=f'"{name}"')]}
        for name in ("__time", "city")
    }
    assert plain(lineage.outputs) == [
        {
            "namespace": namespace,
            "name": f"{PROJECT}.hourly",
            "facets": {**source, "columnLineage": {"fields": arrows, "dataset": []}},
            "outputFacets": {"outputStatistics": {"rowCount": 20}},
        }
    ]
    assert plain(lineage.run_facets) == {"externalQuery": {"externalQueryId": "j1", "source": namespace}}
    assert plain(lineage.job_facets) == {
        "sql": {
            "query": 'INSERT INTO "hourly"\nSELECT\n  "__time" AS "__time",\n  "city" AS "city"\nFROM "raw"\n'
            "PARTITIONED BY DAY"
        }
    }


def test_lineage_of_an_adopted_job_is_the_same(settings):
    """The submitter of the job makes no difference."""
    assert told(described(), settings, {**FACTS, "adopted": True}) == told(described(), settings)


def test_lineage_of_a_job_at_work_makes_no_request(settings, server):
    """An active job has no facets of a result."""
    lineage = told(described(status="running"), settings, {"rows_processed": None, "rows_persisted": 7, "bytes": None})

    assert server.requests == []
    assert plain([lineage.inputs[0].inputFacets, lineage.outputs[0].outputFacets]) == [{}, {}]
    assert set(lineage.outputs[0].facets) == {"dataSource", "columnLineage"}
    assert set(lineage.run_facets) == {"externalQuery"}


def test_lineage_prefers_the_statement_of_polaris(settings):
    """The statement of Polaris takes precedence."""
    lineage = told(described(query="INSERT INTO hourly SELECT 1"), settings)

    assert lineage.job_facets["sql"].query == "INSERT INTO hourly SELECT 1"


@pytest.mark.parametrize(
    "kind, values, change",
    [
        ("delete_data", {"deleteAll": True}, "TRUNCATE"),
        ("delete_data", {"spec": {"deleteAll": True}}, "TRUNCATE"),
        ("delete_data", {"deleteAll": False}, None),
        ("restore_data", {"interval": "2024-06-01/P1D"}, None),
        ("drop_table", {}, "DROP"),
        ("batch", {"spec": {"ingestionMode": "replace", "replaceAll": True}}, "OVERWRITE"),
        ("sql", {"query": "REPLACE INTO hourly OVERWRITE ALL SELECT a FROM raw PARTITIONED BY ALL"}, "OVERWRITE"),
        ("sql", {"query": "INSERT INTO hourly SELECT a FROM raw PARTITIONED BY ALL"}, None),
    ],
)
def test_change_of_each_type_of_job(settings, kind: str, values: dict[str, Any], change: str | None):
    """A lifecycle state change is set if OpenLineage has one, and only after it has happened."""
    target = {"target": {"type": "table", "tableName": "hourly"}}

    facets = told(described(kind, **values, **target), settings).outputs[0].facets
    assert plain(facets.get("lifecycleStateChange")) == (change and {"lifecycleStateChange": change})
    failed = told(described(kind, "failed", **values, **target), settings).outputs[0].facets
    assert "lifecycleStateChange" not in failed


def test_lineage_of_a_deletion_has_no_input_and_no_statement(settings):
    """A deletion writes a table and reads none; its numbers are not stored rows."""
    lineage = told(described("delete_data"), settings)

    assert lineage.inputs == []
    assert lineage.job_facets == {}
    assert plain(lineage.outputs[0].outputFacets) == {}
    assert set(lineage.outputs[0].facets) == {"dataSource"}


def test_lineage_of_a_dropped_table_asks_for_no_columns(settings, server):
    """A dropped table has no columns."""
    told(described("drop_table"), settings)

    assert server.requests == []


def test_lineage_of_a_sql_job_reads_its_statement(settings):
    """Source and columns come from the text; an unreadable column is named, the others stay."""
    query = 'INSERT INTO hourly SELECT UPPER("a") AS "b", (1) AS "c", t."x" AS "d" FROM raw PARTITIONED BY DAY'
    lineage = told(described("sql", query=query, target={"type": "table", "tableName": "hourly"}), settings)

    assert [each.name for each in lineage.inputs] == [f"{PROJECT}.raw"]
    assert plain(lineage.outputs[0].facets["columnLineage"]) == {
        "fields": {"b": {"inputFields": [arrow(settings, "a", "TRANSFORMATION")]}},
        "dataset": [],
    }
    assert plain(lineage.run_facets["extractionError"]) == {
        "totalTasks": 3,
        "failedTasks": 1,
        "errors": [
            {
                "errorMessage": "The expression of column 'd' can't be parsed reliably, so the columns that it reads "
                "are unknown.",
                "task": query,
                "taskNumber": 2,
            }
        ],
    }


def test_lineage_of_a_sql_job_over_several_tables_is_theirs(settings):
    """The tables are inputs, but a column that may come from any of them has no lineage, which is reported."""
    query = "INSERT INTO hourly SELECT a AS b FROM raw JOIN u ON raw.x = u.x PARTITIONED BY DAY"
    lineage = told(described("sql", query=query, target={"type": "table", "tableName": "hourly"}), settings)

    assert [each.name for each in lineage.inputs] == [f"{PROJECT}.raw", f"{PROJECT}.u"]
    assert plain([each.inputFacets for each in lineage.inputs]) == [{}, {}]
    assert [each.name for each in lineage.outputs] == [f"{PROJECT}.hourly"]
    assert "columnLineage" not in lineage.outputs[0].facets
    assert plain(lineage.run_facets["extractionError"]) == {
        "totalTasks": 1,
        "failedTasks": 1,
        "errors": [
            {
                "errorMessage": "The expression of column 'b' can't be parsed reliably, so the columns that it reads "
                "are unknown.",
                "task": query,
                "taskNumber": 0,
            }
        ],
    }


def test_lineage_of_a_join_follows_each_column_to_its_table(settings):
    """Through a subquery, too."""
    query = (
        "INSERT INTO hourly SELECT r.a, UPPER(v.name) AS b FROM raw r JOIN (SELECT id, name FROM u) v ON r.x = v.id "
        "PARTITIONED BY DAY"
    )
    lineage = told(described("sql", query=query, target={"type": "table", "tableName": "hourly"}), settings)

    fields = plain(lineage.outputs[0].facets["columnLineage"])["fields"]
    assert {name: [(one["name"], one["field"]) for one in value["inputFields"]] for name, value in fields.items()} == {
        "a": [(f"{PROJECT}.raw", "a")],
        "b": [(f"{PROJECT}.u", "name")],
    }
    assert "extractionError" not in lineage.run_facets


def test_lineage_of_constants_has_no_arrows(settings):
    """A table that only contributes the number of rows is an input, but no column comes from it."""
    query = "INSERT INTO hourly SELECT 1 AS a FROM raw PARTITIONED BY ALL"
    lineage = told(described("sql", query=query, target={"type": "table", "tableName": "hourly"}), settings)

    assert [each.name for each in lineage.inputs] == [f"{PROJECT}.raw"]
    assert set(lineage.outputs[0].facets) == {"dataSource"}


def test_lineage_tells_columns_that_decide_about_rows_by_what_they_decide(settings):
    """A filter and a grouping are sources of the whole table, not of one column."""
    longest = {"columnName": "longest", "expression": 'MAX("length")', "isAggregation": True}
    spec = {"mappings": [*SPEC["mappings"], longest], "filterExpression": '"city" IS NOT NULL AND "length" > 0'}
    dataset = told(described(spec=spec), settings).outputs[0].facets["columnLineage"].dataset

    assert {each.field: [(how.type, how.subtype) for how in each.transformations] for each in dataset} == {
        "city": [("INDIRECT", "FILTER"), ("INDIRECT", "GROUP_BY")],
        "length": [("INDIRECT", "FILTER")],
        "__time": [("INDIRECT", "GROUP_BY")],
    }


def test_lineage_of_files_is_its_output(settings, caplog):
    """Uploaded files have no name that other tools know, so they are no input."""
    source = {"type": "uploaded", "fileList": ["koalas.json"], "inputSchema": []}
    lineage = told(described(spec={"source": source}), settings)

    assert caplog.messages == []
    assert lineage.inputs == []
    assert set(lineage.outputs[0].facets) == {"dataSource"}
    assert set(lineage.run_facets) == {"externalQuery"}


def test_lineage_knows_a_bare_word_by_the_schema(settings, server):
    """An unquoted word that is no column of the source may be an SQL keyword."""
    spec = {"mappings": [{"columnName": "x", "expression": "city"}, {"columnName": "y", "expression": "town"}]}
    columns = [{"name": "city", "dataType": "string"}]
    server.answer("GET", "/tables/raw", 200, {"name": "raw", "schema": columns})

    lineage = told(described(spec=spec), settings)

    assert set(lineage.outputs[0].facets["columnLineage"].fields) == {"__time", "x"}
    assert [error.task for error in lineage.run_facets["extractionError"].errors] == ["town"]


@pytest.mark.parametrize(
    "status, health, message",
    [
        (
            "failed",
            {"status": "error", "code": "row_too_large", "message": "Row of 2 MB"},
            "row_too_large: Row of 2 MB",
        ),
        ("completed", {"status": "error", "code": "multiple"}, "multiple"),
        ("canceled", None, "job 'j1' (batch into 'hourly') is 'canceled'"),
        ("completed", {"status": "warn", "code": "invalid_rows_found"}, None),
        ("running", {"status": "warn", "code": "lost_connection_to_source"}, None),
    ],
)
def test_error_of_a_job_is_what_polaris_says(settings, status: str, health: Any, message: str | None):
    """The error facet of a failed job contains the vendor's text, and no other facet does."""
    lineage = told(described(status=status, health=health), settings)

    expected = None if message is None else {"message": message, "programmingLanguage": "SQL"}
    assert plain(lineage.run_facets.get("errorMessage")) == expected


def test_lineage_without_permission_to_look_at_tables_has_no_types(settings, server):
    """All other facets are present, without a warning."""
    for table in ("raw", "hourly"):
        server.answer("GET", f"/tables/{table}", 403, {"code": "AccessDenied", "message": "no"})

    lineage = told(described(), settings)

    assert [request.path.rsplit("/", 1)[1] for request in server.requests] == ["raw"]
    assert set(lineage.inputs[0].facets) == {"dataSource"}
    assert set(lineage.outputs[0].facets) == {"dataSource", "columnLineage"}
    assert set(lineage.outputs[0].outputFacets) == {"outputStatistics"}


def test_columns_of_a_service_that_never_answers_are_none_in_time(settings, monkeypatch):
    """The caller waits no longer than the limit, and the pending request ends soon."""
    over, clients, ended = threading.Event(), [], []

    class Silent:
        def __init__(self, settings: ClientSettings) -> None:
            clients.append(settings)

        def __enter__(self) -> Silent:
            ended.append(over.wait(120))
            raise PolarisTransportError("no answer")

        def __exit__(self, *exception: Any) -> None: ...

    monkeypatch.setattr("airflow_provider_polaris.client.connect", Silent)

    assert read_columns(settings, ["raw"], seconds=0.2) == {}
    assert ended == []
    assert [(each.connect_timeout, each.read_timeout, each.retry_budget) for each in clients] == [(0.2, 0.2, 0.0)]
    over.set()


def test_columns_that_came_before_the_trouble_stay(settings, server):
    """One unreadable table doesn't affect the others; a column without a name is omitted."""
    answer = {"name": "raw", "schema": [{"name": "a"}, {"dataType": "long"}, "b"], "queryableSchema": None}
    server.answer("GET", "/tables/raw", 200, answer)

    assert read_columns(settings, ["raw", "missing"]) == {"raw": (Column("a", None),)}


def test_lineage_that_breaks_leaves_the_rest_and_one_warning(settings, monkeypatch, caplog):
    """The parts are independent, and the log names the failed one."""

    def fail(*arguments: Any) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr("airflow_provider_polaris.operators.openlineage.job_lineage.read_lineage", fail)
    monkeypatch.setattr("airflow_provider_polaris.operators.openlineage.job_lineage.statement_of", fail)
    with caplog.at_level(logging.WARNING, logger=LOG.name):
        lineage = told(described(), settings)

    assert [each.name for each in (*lineage.inputs, *lineage.outputs)] == [f"{PROJECT}.raw", f"{PROJECT}.hourly"]
    assert set(lineage.run_facets) == {"externalQuery"}
    broken = "RuntimeError('broken on purpose')"
    assert caplog.messages == [f"The OpenLineage facets of job 'j1' are incomplete: {broken}; {broken}"]


def test_lineage_of_a_job_with_an_impossible_table_has_the_query(settings, caplog):
    """A value that is no Polaris table becomes no dataset."""
    target = {"type": "table", "tableName": "a/b"}
    with caplog.at_level(logging.WARNING, logger=LOG.name):
        lineage = told(described("sql", query="SELECT 1", target=target), settings)

    assert (lineage.inputs, lineage.outputs) == ([], [])
    assert lineage.job_facets["sql"].query == "SELECT 1"
    assert len(caplog.messages) == 1
