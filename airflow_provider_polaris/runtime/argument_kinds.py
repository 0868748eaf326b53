"""
What each templated argument means: text, or something that a template may also give as a list, a number and so on.

The tables here are all that decides how an argument is rendered, see :mod:`airflow_provider_polaris.runtime.rendering`.
Performs no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final


class ValueKind(Enum):
    """What a value is for."""

    #: A name, an expression, a filter, an interval, a word. It stays text, whatever it looks like.
    TEXT = "text"
    #: A list or an object; text of one is read.
    COLLECTION = "collection"
    #: A truth value or a number; text of one is read.
    SETTING = "setting"
    #: Anything, so nothing is read into it: text stays text, and a number stays a number.
    OPEN = "open"


@dataclass(frozen=True)
class ArgumentKind:
    """
    What a value means, and what the values inside it mean.

    :param kind: What the value itself is for.
    :param keys: Meanings of an object's values, by key.
    :param inside: Meaning of all other values inside; None for the same as this one.
    """

    kind: ValueKind
    keys: Mapping[str, ArgumentKind] = field(default_factory=dict)
    inside: ArgumentKind | None = None

    def at(self, key: Any = None) -> ArgumentKind:
        """
        Return the meaning of a value inside.

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

#: The spec of a job, in the names of the API.
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
            "table",
            "table_name",
            "target_table",
            "up_to",
        ),
        TEXT,
    ),
    **dict.fromkeys(
        ("clustering_columns", "dimensions", "intervals", "measures", "target_intervals", "versions"), _TEXTS
    ),
    **dict.fromkeys(("context", "plan", "proof"), _ANYTHING),
    "mappings": _MAPPINGS,
    "spec": _SPEC,
}
# Task groups hand the arguments of another operator on in these.
_ARGUMENTS["copy_arguments"] = _ARGUMENTS["job_arguments"] = ArgumentKind(ValueKind.COLLECTION, _ARGUMENTS, inside=OPEN)

#: By argument. Truth values and numbers are not listed: the operators read them from text, too.
ARGUMENTS: Final[Mapping[str, ArgumentKind]] = _ARGUMENTS
