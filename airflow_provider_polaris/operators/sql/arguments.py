# SPDX-License-Identifier: Apache-2.0
"""Read the arguments of ``PolarisSqlJobOperator``; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.sql.ingestion.statement import TIME_ZONE_KEY, IngestionStatement, read_statement
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.runtime.arguments import as_bool, as_list, as_mapping, as_text, is_none

#: SQL type of a plain Python value. Source: druid.apache.org/docs/latest/querying/sql-data-types.
_TYPES: Final[Mapping[type, str]] = {str: "VARCHAR", bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE"}


@dataclass(frozen=True)
class SqlJobArguments:
    """
    The checked arguments of a SQL job.

    :param statement: What the statement says.
    :param parameters: ``{"type": ..., "value": ...}`` for each ``?``.
    :param context: Query context of the job, with its time zone.
    :param create_table_if_not_exists: Whether the job creates a missing target.
    :param interval: Interval that the statement has to replace; None for any.
    :param source_tables: Tables that the statement reads, if the user names them.
    :param allow_finer_partitions: See :class:`~airflow_provider_polaris.jobs.validation.statement.StatementFacts`.
    :param allow_self_append: See there.
    """

    statement: IngestionStatement
    parameters: tuple[Mapping[str, Any], ...]
    context: Mapping[str, Any]
    create_table_if_not_exists: bool
    interval: Interval | None
    source_tables: tuple[str, ...] | None
    allow_finer_partitions: bool
    allow_self_append: bool

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> SqlJobArguments:
        """
        Read rendered arguments.

        ``sqlTimeZone`` is set in the context, so that the service reads times in the zone in which they are read here.

        :param values: The attributes of the operator.
        :raises PolarisSpecError: An argument is wrong, or the statement can't be read for sure.
        """
        context = {TIME_ZONE_KEY: "UTC", **(as_mapping(values["context"], "context") or {})}
        statement = read_statement(as_text(values["sql"], "sql"), context)
        parameters = _parameters(values["parameters"])
        if len(parameters) != statement.parameters:
            raise PolarisSpecError(
                f"parameters has {len(parameters)} values, and sql has {statement.parameters} '?'. Give one value for "
                "each '?', in order."
            )
        interval = values["interval"]
        if not isinstance(interval, Interval):
            interval = None if is_none(interval) else Interval.parse(interval, field="interval")
        tables = as_list(values["source_tables"], "source_tables")
        return cls(
            statement=statement,
            parameters=parameters,
            context=context,
            create_table_if_not_exists=as_bool(values["create_table_if_not_exists"], "create_table_if_not_exists"),
            interval=interval,
            source_tables=None if tables is None else tuple(as_text(each, "source_tables") for each in tables),
            allow_finer_partitions=as_bool(values["allow_finer_partitions"], "allow_finer_partitions"),
            allow_self_append=as_bool(values["allow_self_append"], "allow_self_append"),
        )

    def spec(self) -> dict[str, Any]:
        """Return the JSON object of the job."""
        return {
            "type": "sql",
            "query": self.statement.text,
            "context": dict(self.context),
            "createTableIfNotExists": self.create_table_if_not_exists,
            "parameters": [dict(each) for each in self.parameters],
        }


def _parameters(value: Any) -> tuple[Mapping[str, Any], ...]:
    found = []
    for index, given in enumerate(as_list(value, "parameters") or ()):
        if isinstance(given, Mapping):
            if set(given) != {"type", "value"}:
                raise PolarisSpecError(
                    f"parameters[{index}] {quote(dict(given))} is not of the form {{'type': 'VARCHAR', 'value': 'x'}}."
                )
            found.append({"type": as_text(given["type"], f"parameters[{index}].type"), "value": given["value"]})
        elif type(given) in _TYPES:
            found.append({"type": _TYPES[type(given)], "value": given})
        else:
            raise PolarisSpecError(
                f"parameters[{index}] {quote(given)} is a {type(given).__name__}, whose SQL type is not known. Write "
                "{'type': 'VARCHAR', 'value': 'x'} with the type that you mean."
            )
    return tuple(found)
