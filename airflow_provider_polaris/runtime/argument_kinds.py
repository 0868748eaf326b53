# SPDX-License-Identifier: Apache-2.0
"""
The type of each templated argument: text, or a value that a template may also return as a list, a number etc.

Only the tables in this module determine how an argument is rendered, see
:mod:`airflow_provider_polaris.runtime.rendering`.
Performs no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final


class ValueKind(Enum):
    """The type of a value."""

    #: A name, an expression, a filter, an interval, a word. It always stays text.
    TEXT = "text"
    #: A list or an object. Text of one is parsed.
    COLLECTION = "collection"
    #: A boolean or a number. Text of one is parsed.
    SETTING = "setting"
    #: Any type. Nothing is converted: text stays text, and a number stays a number.
    OPEN = "open"


@dataclass(frozen=True)
class ArgumentKind:
    """
    The kind of a value, and the kinds of the values inside it.

    :param kind: Kind of the value itself.
    :param keys: Kinds of an object's values, by key.
    :param inside: Kind of all other values inside; None for the same kind.
    """

    kind: ValueKind
    keys: Mapping[str, ArgumentKind] = field(default_factory=dict)
    inside: ArgumentKind | None = None

    def at(self, key: Any = None) -> ArgumentKind:
        """
        Return the kind of a value inside.

        :param key: Its key in an object; None for an element of a list.
        """
        if isinstance(key, str) and key in self.keys:
            return self.keys[key]
        return self.inside or self


TEXT: Final = ArgumentKind(ValueKind.TEXT)
SETTING: Final = ArgumentKind(ValueKind.SETTING)
OPEN: Final = ArgumentKind(ValueKind.OPEN)


def _list_of(element: ArgumentKind) -> ArgumentKind:
    return ArgumentKind(ValueKind.COLLECTION, inside=element)


def _object(**keys: ArgumentKind) -> ArgumentKind:
    return ArgumentKind(ValueKind.COLLECTION, keys, inside=OPEN)


_TEXTS: Final = _list_of(TEXT)
_ANYTHING: Final = _object()
_MAPPINGS: Final = _list_of(_object(columnName=TEXT, expression=TEXT, isAggregation=SETTING))

#: A job spec, with the field names of the API.
_SPEC: Final = _object(
    type=TEXT,
    source=_object(
        type=TEXT,
        interval=TEXT,
        tableName=TEXT,
        fileList=_TEXTS,
        inputSchema=_list_of(_object(name=TEXT, dataType=TEXT)),
        formatSettings=_object(
            format=TEXT,
            columns=_TEXTS,
            delimiter=TEXT,
            listDelimiter=TEXT,
            skipHeaderRows=SETTING,
            binaryAsString=SETTING,
            extractUnionsByType=SETTING,
            flattenSpec=_ANYTHING,
            schema=_ANYTHING,
        ),
    ),
    target=_object(type=TEXT, tableName=TEXT, intervals=_TEXTS),
    context=_ANYTHING,
    clusteringColumns=_TEXTS,
    createTableIfNotExists=SETTING,
    deleteAll=SETTING,
    filterExpression=TEXT,
    ingestionMode=TEXT,
    interval=TEXT,
    mappings=_MAPPINGS,
    maxParseExceptions=SETTING,
    parameters=_list_of(_object(type=TEXT, value=OPEN)),
    partitionedBy=TEXT,
    query=TEXT,
    replaceAll=SETTING,
    softDelete=SETTING,
    versions=_TEXTS,
)

_ARGUMENTS: Final[dict[str, ArgumentKind]] = {
    **dict.fromkeys(
        (
            "approved",
            "confirm_table_name",
            "filter_expression",
            "ingestion_mode",
            "interval",
            "job_id",
            "lookback",
            "older_than",
            "on_aged_target",
            "on_conflict",
            "on_empty_source",
            "on_open_stream",
            "on_retention",
            "on_shrink",
            "partition_grain",
            "partitioned_by",
            "polaris_conn_id",
            "rollup_granularity",
            "slack",
            "source_interval",
            "source_table",
            "split_by",
            "sql",
            "table",
            "table_name",
            "target_table",
            "up_to",
        ),
        TEXT,
    ),
    **dict.fromkeys(
        (
            "checks",
            "clustering_columns",
            "dimensions",
            "intervals",
            "measures",
            "source_tables",
            "target_intervals",
            "versions",
        ),
        _TEXTS,
    ),
    **dict.fromkeys(("context", "plan", "proof"), _ANYTHING),
    "mappings": _MAPPINGS,
    "parameters": _list_of(_object(type=TEXT, value=OPEN)),
    "spec": _SPEC,
}
# Task groups pass the arguments of another operator in these.
_ARGUMENTS["copy_arguments"] = _ARGUMENTS["job_arguments"] = ArgumentKind(ValueKind.COLLECTION, _ARGUMENTS, inside=OPEN)

#: Kinds by argument. Booleans and numbers are not listed: the operators also parse them from text.
ARGUMENTS: Final[Mapping[str, ArgumentKind]] = _ARGUMENTS
