# SPDX-License-Identifier: Apache-2.0
"""
Translate a job spec to the SQL and the context of a Druid task; performs no I/O.

The SQL is that of :func:`~airflow_provider_polaris.jobs.sql.statement.job_statement`, which the dry run shows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, SqlJobSpec, parse_spec
from airflow_provider_polaris.jobs.spec.sources import TableSource
from airflow_provider_polaris.jobs.sql.expressions import find_aggregates
from airflow_provider_polaris.jobs.sql.ingestion.frame import split_statement
from airflow_provider_polaris.jobs.sql.ingestion.unions import may_split
from airflow_provider_polaris.jobs.sql.ingestion.words import split_words
from airflow_provider_polaris.jobs.sql.statement import job_statement

#: Key of the task's context that holds the job spec, without its context. A description returns the spec from it.
#: OBSERVED(Druid 27): keys that Druid doesn't know are kept and returned with the task.
SPEC_KEY: Final = "airflowSpec"

#: Keys of the context that this client sets; the spec must not have them.
_OWN_KEYS: Final = frozenset({SPEC_KEY, "sqlQueryId", "queryId"})

#: Context of a job that groups rows: store sketches and other intermediate values, and multi-value strings as they are.
#: Source: druid.apache.org/docs/latest/multi-stage-query/concepts (rollup).
_ROLLUP_CONTEXT: Final = {"finalizeAggregations": False, "groupByEnableMultiValueUnnesting": False}

_COUNT: Final = {"columnName": "__count", "expression": "COUNT(*)", "isAggregation": True}


@dataclass(frozen=True)
class TargetTable:
    """
    What is known about the target of a job before it is submitted.

    :param partitioning: Granularity of its newest segment; None if it is not one of the package's granularities.
    :param columns: Names of its columns.
    """

    partitioning: str | None
    columns: Collection[str]


@dataclass(frozen=True)
class TaskRequest:
    """
    The body of a task's submission, without its id.

    :param sql: The statement.
    :param context: Query context.
    :param parameters: Values of the ``?`` of the statement.
    """

    sql: str
    context: Mapping[str, Any]
    parameters: tuple[Mapping[str, Any], ...] = field(default=())

    def to_wire(self, query: str) -> dict[str, Any]:
        """Return the JSON object that submits the task under an id."""
        body: dict[str, Any] = {"query": self.sql, "context": {**self.context, "sqlQueryId": query}}
        if self.parameters:
            body["parameters"] = [dict(parameter) for parameter in self.parameters]
        return body


def needs_target(spec: Mapping[str, Any]) -> bool:
    """Return whether the SQL of a spec depends on the target: on its partitioning, or on whether it counts events."""
    if spec.get("type") != "batch":
        return False
    return spec.get("partitionedBy") is None or _may_count(spec)


def task_request(spec: Mapping[str, Any], target: TargetTable | None) -> TaskRequest:
    """
    Return the task that does the work of a job spec.

    ``COUNT(*)`` is added as ``__count`` where Polaris adds it: to a rollup into a new table, or into one that has the
    column. A job without ``partitionedBy`` uses the partitioning of the target's newest segment, or DAY for a new one.

    :param spec: The JSON object of a ``batch`` or ``sql`` job.
    :param target: The target; None if the table does not exist, or if :func:`needs_target` is false.
    :raises PolarisSpecError: The job has no equivalent SQL, or one id would stand for several tasks.
    """
    context = spec.get("context") or {}
    if taken := sorted(_OWN_KEYS & context.keys()):
        raise PolarisSpecError(
            f"the job's context has {', '.join(map(repr, taken))}, which this package sets for Druid: remove that."
        )
    job = parse_spec(spec)
    echoed = {SPEC_KEY: {key: value for key, value in spec.items() if key != "context"}}
    if isinstance(job, SqlJobSpec):
        refuse_union(job.query)
        return TaskRequest(job.query, {**context, **echoed}, tuple(each.to_wire() for each in job.parameters))
    if not isinstance(job, BatchJobSpec):
        raise PolarisSpecError(f"a job of type {job.type!r} has no SQL in Druid.")
    if not isinstance(job.source, TableSource):
        raise PolarisSpecError(
            f"a batch job with a source of type {job.source.type!r} can't run on Druid: only tables can be read. Write "
            "the job as SQL with TABLE(EXTERN(...)), and submit it with PolarisJobOperator."
        )
    whole = dict(spec)
    if _may_count(spec) and (target is None or "__count" in target.columns):
        whole["mappings"] = [*spec["mappings"], _COUNT]
    if job.partitioned_by is None:
        whole["partitionedBy"] = _partitioning(job, target)
    statement = job_statement(whole)
    if statement is None:
        raise PolarisSpecError(
            f"the job into table {job.target.table_name!r} has no equivalent Druid SQL: it needs mappings, and to "
            "replace data it needs target.intervals or replaceAll."
        )
    rollup = _ROLLUP_CONTEXT if _aggregates(job) else {}
    return TaskRequest(statement, {**rollup, **context, **echoed})


def refuse_union(statement: str) -> None:
    """
    Refuse a statement of which Druid may make several tasks under one id.

    OBSERVED(Druid 27): ``INSERT ... UNION ALL ...`` became one task for each branch; the second was refused because the
    id existed, so only the rows of the first were written. So did a union in a subquery of a SELECT that changes
    nothing.

    :param statement: The SQL of the job.
    :raises PolarisSpecError: It has such a UNION, or a UNION that can't be read.
    """
    if not any(word.is_keyword("UNION") for word in split_words(statement)):
        return
    try:
        may_be_several = may_split(split_statement(statement).select_text)
    except PolarisSpecError:
        may_be_several = True
    if may_be_several:
        raise PolarisSpecError(
            "the job's SQL has a UNION of which Druid may make several tasks under one id and run only the first: "
            "submit one job for each branch. Newer versions than 27 also run a UNION inside a SELECT with WHERE, "
            "GROUP BY or a join."
        )


def _may_count(spec: Mapping[str, Any]) -> bool:
    mappings = spec.get("mappings") or ()
    try:
        job = parse_spec(spec)
    except PolarisSpecError:
        return False
    return (
        isinstance(job, BatchJobSpec)
        and _aggregates(job)
        and all(each.get("columnName") != _COUNT["columnName"] for each in mappings)
    )


def _aggregates(job: BatchJobSpec) -> bool:
    return any(
        bool(find_aggregates(each.expression)) if each.is_aggregation is None else each.is_aggregation
        for each in job.mappings
    )


def _partitioning(job: BatchJobSpec, target: TargetTable | None) -> str:
    if target is None:
        return "day"
    if target.partitioning is None:
        raise PolarisSpecError(
            f"the time partitioning of table {job.target.table_name!r} can't be derived from its newest segment: set "
            "partitioned_by."
        )
    return target.partitioning
