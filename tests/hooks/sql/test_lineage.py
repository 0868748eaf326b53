# SPDX-License-Identifier: Apache-2.0
"""OpenLineage of Airflow's SQL operators, from the hook's own methods."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_polaris.hooks.sql import DruidSqlHook, PolarisSqlHook
from airflow_provider_polaris.hooks.sql.lineage import statements_lineage
from tests.fixtures import PROJECT

pytest.importorskip("airflow.providers.openlineage")
pytestmark = pytest.mark.compat
BODY = b'["n"]\n["LONG"]\n["BIGINT"]\n[7]\n\n'


def test_lineage_has_the_tables_of_all_statements_by_their_assets_names(connect, server):
    """The same names as in the lineage of the jobs that write these tables."""
    connect(host=server.url)
    server.answer("POST", "/query/sql", 200, BODY)
    hook = PolarisSqlHook()
    assert hook.get_openlineage_database_specific_lineage(None) is None
    for sql in ('SELECT * FROM "b" JOIN druid."A b" ON TRUE', "SELECT 1", 'SELECT * FROM "b" JOIN druid."A b" ON TRUE'):
        hook.get_first(sql)

    lineage = hook.get_openlineage_database_specific_lineage(None)

    namespace = f"polaris://{server.url.removeprefix('http://')}"
    assert [(each.namespace, each.name) for each in lineage.inputs] == [
        (namespace, f"{PROJECT}.A b"),
        (namespace, f"{PROJECT}.b"),
    ]
    assert {each.facets["dataSource"].uri for each in lineage.inputs} == {namespace}
    assert lineage.outputs == []
    assert lineage.job_facets["sql"].query == 'SELECT * FROM "b" JOIN druid."A b" ON TRUE;\nSELECT 1'


def test_lineage_of_druid_has_names_without_project(connect):
    """The namespace is the router."""
    connect("druid", conn_type="apache_druid", host="https://Router.example.com:8888", password=None, extra={})
    hook = DruidSqlHook("druid")
    hook._remember("SELECT * FROM koalas")

    (table,) = hook.get_openlineage_database_specific_lineage(None).inputs

    assert (table.namespace, table.name) == ("druid://router.example.com:8888", "koalas")


def test_airflows_parser_names_nothing(connect):
    """Its names have a schema, so the same table would be in the graph twice."""
    connect()
    assert PolarisSqlHook().get_openlineage_database_info(None) is None


def test_failing_lineage_is_one_warning(caplog):
    """A task never fails because of it."""

    def broken():
        raise ValueError("no connection")

    with caplog.at_level(logging.WARNING):
        assert statements_lineage(["SELECT 1"], broken, logging.getLogger("t")) is None
    assert caplog.messages == ["The OpenLineage facets of the task's queries are missing: ValueError('no connection')"]


def test_number_of_remembered_statements_is_bounded():
    """A sensor that writes the time into its statement runs for days."""
    hook = PolarisSqlHook()
    for number in range(150):
        hook._remember(f"SELECT {number}")
    assert len(hook._statements) == 100
