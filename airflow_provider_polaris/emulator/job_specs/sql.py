# SPDX-License-Identifier: Apache-2.0
"""
Build a SQL job from the body of a POST, and check the statement as Druid's planner does before the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.catalog.tables import Catalog
from airflow_provider_polaris.emulator.engine import SqlPlan, Tables, plan_ingestion
from airflow_provider_polaris.emulator.job_specs.context import read_context
from airflow_provider_polaris.emulator.job_specs.sql_statement import SqlStatement, split_statement
from airflow_provider_polaris.emulator.job_specs.validated_job import Prepared, check_table_name
from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported
from airflow_provider_polaris.emulator.wire.errors import bad_request, not_implemented
from airflow_provider_polaris.emulator.wire.intervals import parse_interval
from airflow_provider_polaris.emulator.wire.models import PARTITIONINGS, SqlJob
from airflow_provider_polaris.emulator.wire.requests import parse


def prepare_sql(data: Mapping[str, Any], catalog: Catalog, tables: Tables, assumed: Assumptions) -> Prepared:
    """
    Validate the body of a POST.

    OBSERVED(Druid 27): what can't be planned is a 400. GUESS: so does Polaris, and it validates the target as for batch
    jobs. A job reads its sources when it ends.

    :param data: The body.
    :param catalog: The tables.
    :param tables: The engine's tables.
    :param assumed: The assumptions.
    :return: The validated job, not yet stored. Its specification also has what the statement says.
    :raises ApiError: 400 for an invalid job, 501 for a job that the emulator can't run.
    """
    job = parse(SqlJob, {"type": "sql", **data})
    context = read_context(job.context, assumed)
    if (context or {}).get("sqlTimeZone", "UTC") not in ("UTC", "Etc/UTC", "Z"):
        raise not_implemented("time zones other than UTC in 'sqlTimeZone'", "context.sqlTimeZone")
    if assumed.source_snapshot == "post":
        raise not_implemented("jobs of type 'sql' with the assumption source_snapshot=post", "type")
    parameters = [{"type": one.type, "value": one.value} for one in job.parameters]
    try:
        statement = split_statement(job.query)
        _check_target(statement, job, catalog)
        spec = _spec(statement, job, context, parameters)
        ingestion = plan_ingestion(sql_plan(spec), tables)
    except SqlInvalid as error:
        raise bad_request(error.message, "query") from None
    except SqlNotSupported as error:
        raise not_implemented(f"this SQL: {error.message}", "query") from None
    for name in ingestion.tables:
        table = catalog.find(name)
        if table is not None and (availability := catalog.availability(table)) != "available":
            raise bad_request(f"table {name!r} is {availability!r} and can't be a source now.", "query")
    spec["sourceTables"] = list(ingestion.tables)
    return Prepared(spec, catalog.find(statement.table), job.query)


def sql_plan(spec: Mapping[str, Any]) -> SqlPlan:
    """
    Return the engine's plan for a specification.

    :param spec: Specification from :func:`prepare_sql`.
    """
    return SqlPlan(
        target=spec["target"]["tableName"],
        mode=spec["ingestionMode"],
        select=spec["select"],
        parameters=tuple(spec["parameters"]),
        intervals=tuple((one.start, one.end) for one in map(parse_interval, spec["target"]["intervals"])),
        replace_all=spec["replaceAll"],
        partitioned_by=spec["partitionedBy"],
        clustered_by=tuple(spec["clusteredBy"]),
        context=spec.get("context", {}),
    )


def _check_target(statement: SqlStatement, job: SqlJob, catalog: Catalog) -> None:
    check_table_name(statement.table, "query")
    if catalog.find(statement.table) is None and not job.create_table_if_not_exists:
        raise bad_request(
            f"table {statement.table!r} does not exist; create it, or set 'createTableIfNotExists' to true.", "query"
        )
    if statement.partitioned_by not in PARTITIONINGS:
        raise bad_request(f"PARTITIONED BY {statement.partitioned_by!r} is not a partitioning granularity.", "query")
    for interval in statement.intervals:
        if not interval.is_aligned(statement.partitioned_by):
            raise bad_request(
                f"OVERWRITE WHERE clause identified interval [{interval}] which is not aligned with PARTITIONED BY "
                f"granularity [{statement.partitioned_by}]",
                "query",
            )


def _spec(
    statement: SqlStatement, job: SqlJob, context: Mapping[str, Any] | None, parameters: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "type": "sql",
        "query": job.query,
        "createTableIfNotExists": job.create_table_if_not_exists,
        "parameters": [dict(one) for one in parameters],
        # What the statement says; the API doesn't show it.
        "target": {
            "tableName": statement.table,
            "type": "table",
            "intervals": [str(interval) for interval in statement.intervals],
        },
        "ingestionMode": "append" if statement.verb == "INSERT" else "replace",
        "replaceAll": statement.replace_all,
        "partitionedBy": statement.partitioned_by,
        "clusteredBy": list(statement.clustered_by),
        "select": statement.select,
    }
    if context is not None:
        spec["context"] = dict(context)
    return spec
