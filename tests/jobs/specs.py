# SPDX-License-Identifier: Apache-2.0
"""Valid batch jobs with changes, and the message with which a job is refused."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.spec.job_spec import JobSpec, parse_spec
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.validation.rules import check_spec

DAY = "2024-06-01/2024-06-02"
MAPPINGS = [
    {"columnName": "city", "expression": '"city"'},
    {"columnName": "n", "expression": 'SUM("n")', "isAggregation": True},
]
COUNT = {"columnName": "__count", "expression": 'SUM("__count")', "isAggregation": True}
FILES = {"type": "uploaded", "fileList": ["a.json"], "inputSchema": [{"name": "t", "dataType": "string"}]}
TIME_FROM_FILE = {"columnName": "__time", "expression": 'TIME_PARSE("t")'}


def table(name: str = "rollup", **fields: Any) -> dict[str, Any]:
    return {"type": "table", "tableName": name, **fields}


def batch(**fields: Any) -> JobSpec:
    """Return a valid append job with changes."""
    body = {"type": "batch", "source": table("events"), "target": table("rollup"), "mappings": MAPPINGS, **fields}
    return parse_spec(body)


def replace(*intervals: str, **fields: Any) -> JobSpec:
    return batch(ingestionMode="replace", target=table("rollup", intervals=list(intervals)), **fields)


def mapping(expression: str, *, marked: bool | None = None, column: str = "x") -> JobSpec:
    """Return a job with one mapping."""
    fields = {} if marked is None else {"isAggregation": marked}
    return batch(mappings=[{"columnName": column, "expression": expression, **fields}])


def events(kind: str = "detail", *columns: str, **fields: Any) -> TableDescription:
    return TableDescription("events", kind, columns=frozenset(columns) or None, **fields)


def refusal(spec: JobSpec, **facts: Any) -> str:
    with pytest.raises(PolarisSpecError) as caught:
        check_spec(spec, **facts)
    return str(caught.value)
