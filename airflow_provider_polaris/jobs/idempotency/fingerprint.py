# SPDX-License-Identifier: Apache-2.0
"""
Fingerprint a job spec, so that it can be stored and compared with the spec that Polaris echoes; performs no I/O.

Polaris fills in defaults, omits or nulls missing fields, and adds a mapping ``__count`` to a rollup. Therefore, a spec
and its echo are normalized first: missing, null and default fields are dropped, intervals become instants, and blanks
in SQL are ignored. Source: docs.imply.io/polaris/api-ingest-table (a request and its echo), polaris-sdk 20250425.14.0
(fields, defaults).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.spec.context import EMPTY_INSERT_KEY, MARKER_KEY, NUMBER_KEY
from airflow_provider_polaris.jobs.spec.origin import ORIGIN_KEY
from airflow_provider_polaris.jobs.time.interval import Interval, merge

#: Keys of the context that do not change the work of the job: marker, number and origin, and an optional check.
_IGNORED_CONTEXT_KEYS: Final = frozenset({MARKER_KEY, NUMBER_KEY, ORIGIN_KEY, EMPTY_INSERT_KEY})


#: Hashes of fields by their names. Stored in records: a change of the algorithm requires a new record version.
Fingerprint = Mapping[str, str]


_DEFAULTS: Final[Mapping[str, Any]] = {
    "source.interval": Interval.ETERNITY.to_wire(),
    "target.type": "table",
    "createTableIfNotExists": False,
    "replaceAll": False,
    "maxParseExceptions": 2147483647,
    "deleteAll": False,
    "softDelete": False,
    "ingestionMode": "append",
}


#: Fields of each job type that are compared even if the echo lacks them: a missing field means the default.
_ALWAYS_COMPARED: Final[Mapping[str, frozenset[str]]] = {
    "batch": frozenset(
        {
            "source.type",
            "source.tableName",
            "source.interval",
            "source.fileList",
            "target.tableName",
            "target.intervals",
            "ingestionMode",
            "mappings",
            "filterExpression",
            "maxParseExceptions",
        }
    ),
    "sql": frozenset({"query"}),
    "delete_data": frozenset({"target.tableName", "target.intervals", "deleteAll", "versions"}),
    "restore_data": frozenset({"target.tableName", "interval", "versions"}),
    "drop_table": frozenset({"target.tableName"}),
}


#: Compared if the echo contains them; a field that is missing in our spec means False.
_SWITCHES: Final = frozenset({"createTableIfNotExists", "replaceAll", "softDelete"})


#: The server may resolve or complete these fields in an echo, so they do not identify a job.
_NEVER_COMPARED: Final = frozenset({"mappings.isAggregation", "source.formatSettings", "source.inputSchema"})


_SQL_TEXTS: Final = frozenset({"query", "filterExpression"})


_INTERVALS: Final = frozenset({"source.interval", "interval"})


_ADDED_COUNT: Final = ["__count", "COUNT(*)"]


def fingerprint(spec: Mapping[str, Any]) -> dict[str, str]:
    """
    Return the hashes of a spec's fields; equivalent specs have equal hashes.

    >>> one = {"type": "batch", "target": {"type": "table", "tableName": "t", "intervals": ["2024-06-01/P1D"]}}
    >>> two = {**one, "target": {"tableName": "t", "intervals": ["2024-06-01T00:00Z/2024-06-02T00:00Z"]}}
    >>> fingerprint(one) == fingerprint({**two, "replaceAll": False})
    True

    :param spec: The JSON object for Polaris; the marker in its context is ignored.
    """
    return {name: _digest(value) for name, value in _fields(spec).items()}


def changed_fields(before: Fingerprint, after: Fingerprint) -> tuple[str, ...]:
    """Return the names of the fields in which two specs differ, sorted; empty if they are equivalent."""
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return tuple(sorted({name.removesuffix(".isAggregation") for name in names}))


def contradictions(ours: Fingerprint, job: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Return the names of the fields in which a described job contradicts our spec, sorted.

    Empty means that the job may be ours, not that it is: another client may have submitted an equivalent job.

    :param ours: Fingerprint of our spec.
    :param job: The job as Polaris describes it.
    """
    echo = echoed_spec(job)
    theirs = {name: {_digest(value)} for name, value in _fields(echo).items()}
    theirs.setdefault("mappings", {""}).update(_digest(each) for each in _without_added_count(echo))
    always = {"type", *_ALWAYS_COMPARED.get(str(echo.get("type")), ())}
    echoed = {name for name, value in _flat(echo) if value is not None}
    different = set()
    for name in {*ours, *always, *_SWITCHES} - _NEVER_COMPARED:
        if name not in always and name not in echoed:
            continue
        if ours.get(name, "") not in theirs.get(name, {""}):
            different.add(name)
    return tuple(sorted(different))


def echoed_spec(job: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a job's description into one spec: some fields occur twice, others only in ``spec``."""
    inner = job.get("spec")
    spec = dict(inner) if isinstance(inner, Mapping) else {}
    echo = {**job, **{name: value for name, value in spec.items() if value is not None}}
    for part in ("source", "target"):
        pieces = [piece for piece in (job.get(part), spec.get(part)) if isinstance(piece, Mapping)]
        if pieces:
            echo[part] = {name: value for piece in pieces for name, value in piece.items() if value is not None}
    return echo


def _fields(body: Mapping[str, Any]) -> dict[str, Any]:
    fields = {}
    for name, value in _flat(body):
        normal = _normal(name, value)
        if normal is not None and normal not in ([], {}) and _DEFAULTS.get(name) != normal:
            fields[name] = normal
    return fields


def _flat(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        if name in ("source", "target", "context") and isinstance(value, Mapping):
            for key, inner in value.items():
                if name != "context" or key not in _IGNORED_CONTEXT_KEYS:
                    yield f"{name}.{key}", inner
        elif name == "mappings" and isinstance(value, Sequence) and all(isinstance(one, Mapping) for one in value):
            yield name, [[one.get("columnName"), _sql(one.get("expression"))] for one in value]
            yield (
                f"{name}.isAggregation",
                [
                    [one.get("columnName"), one["isAggregation"]]
                    for one in value
                    if one.get("isAggregation") is not None
                ],
            )
        elif name != "desiredExecutionStatus":
            yield name, value


def _normal(name: str, value: Any) -> Any:
    if name in _SQL_TEXTS:
        return _sql(value)
    if name in _INTERVALS and isinstance(value, str):
        return " ".join(_union([value]))
    if name == "target.intervals" and isinstance(value, Sequence) and not isinstance(value, str):
        return _union([str(each) for each in value])
    return value


def _sql(text: Any) -> Any:
    return " ".join(text.split()) if isinstance(text, str) else text


def _union(texts: Sequence[str]) -> list[str]:
    """Return the merged intervals in normal form, independent of their notation and cuts."""
    try:
        intervals = [Interval.parse(text) for text in texts]
    except PolarisSpecError:
        return sorted(texts)  # an unknown notation
    return [interval.to_wire() for interval in merge(intervals)]


def _without_added_count(echo: Mapping[str, Any]) -> Iterator[Any]:
    mappings = dict(_fields(echo)).get("mappings")
    if isinstance(mappings, list) and _ADDED_COUNT in mappings:
        yield [one for one in mappings if one != _ADDED_COUNT]


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
