# SPDX-License-Identifier: Apache-2.0
"""
Check in a dry run whether the tables of a job exist and have the columns that the job names.

Reads table descriptions and, for a restore job, the list of unused segments. Counts nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow_provider_polaris.jobs.errors import (
    PolarisError,
    PolarisNotFoundError,
    PolarisProtocolError,
    PolarisSpecError,
)
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, parse_spec
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.validation.expressions import misread_constants
from airflow_provider_polaris.operators.dry_run.column_flow import Flow, flow_of
from airflow_provider_polaris.operators.dry_run.table_reader import TableNotSeenError

if TYPE_CHECKING:
    from airflow_provider_polaris.operators.dry_run.table_reader import DryRunHook

#: Maximum number of columns listed in one line.
_MOST_COLUMNS: Final = 30
#: Maximum number of unused segments that are read.
_MOST_SEGMENTS: Final = 1_000
#: Two spellings of one type. Source: polaris-sdk 20250425.14.0 (``dataType`` of dimensions and measures).
_SAME_TYPE: Final = {"varchar": "string", "bigint": "long"}

#: The consequence of a missing table for jobs that never create it.
_WITHOUT_TABLE: Final = {
    "delete_data": "there is nothing to delete",
    "drop_table": "there is nothing to drop",
    "restore_data": "there is no table to restore to",
}


class Finding(NamedTuple):
    """
    One line of the report.

    :param text: The finding.
    :param is_problem: Whether it makes the job fail, or may have an unwanted effect.
    """

    text: str
    is_problem: bool = False


class TableChecks:
    """
    Compares one job with the tables that it names.

    :param hook: Hook that reads the tables.
    :param spec: The JSON object for Polaris.
    """

    def __init__(self, hook: DryRunHook, spec: Mapping[str, Any]) -> None:
        self._hook = hook
        self._spec = spec

    def run(self) -> list[Finding]:
        """
        Run all checks.

        :raises TableNotSeenError: A table can't be read.
        """
        return list(self._findings())

    def _findings(self) -> Iterator[Finding]:
        flow = flow_of(self._spec, None)
        if flow.source is None and flow.target is None:
            yield Finding("the tables that the job reads and writes can't be determined, so none was checked.")
            return
        source = None
        if flow.source is not None:
            source = self._table(flow.source)
            yield self._described("source", flow.source, source, absence="nothing can be read from it")
            if source is not None:
                flow = flow_of(self._spec, _facts(source).columns)
                yield from _check_reads(flow, source)
        yield from _check_constants(self._spec, source)
        if flow.target is None:
            return
        target = self._table(flow.target)
        if target is None and flow.creates_target:
            by = flow.partitioned_by or "day"
            yield Finding(f"target {flow.target!r} does not exist; the job creates it, partitioned by {by}.")
        else:
            yield self._described("target", flow.target, target, absence=self._absence())
        if target is not None:
            yield from _check_writes(flow, source, target)
        if self._spec.get("type") == "restore_data" and target is not None:
            yield self._restorable(flow.target)

    def _table(self, name: str) -> dict[str, Any] | None:
        try:
            payload = self._hook.get_table(name)
            _facts(payload)
        except PolarisNotFoundError:
            return None
        except PolarisProtocolError as error:
            raise TableNotSeenError(str(error)) from error
        return payload

    def _described(self, role: str, name: str, payload: Mapping[str, Any] | None, *, absence: str) -> Finding:
        if payload is None:
            return Finding(f"{role} {name!r} does not exist in {self._hook.place}, and {absence}.", is_problem=True)
        facts = _facts(payload)
        partitions = facts.partitioning.value if facts.partitioning is not None else "something unknown here"
        rows = payload.get("totalRows")
        size = f", {rows:,} rows in all" if isinstance(rows, int) else ""
        availability = facts.availability or "of unknown availability"
        return Finding(
            f"{role} {name!r}: {facts.type}, {availability}, partitioned by {partitions}{size}.",
            # Polaris can't read a table that is being loaded; the task waits for it, with a limit.
            is_problem=availability.lower() == "deleting" or (role == "source" and availability == "unavailable"),
        )

    def _absence(self) -> str:
        return _WITHOUT_TABLE.get(str(self._spec.get("type")), "the job doesn't create it")

    def _restorable(self, table: str) -> Finding:
        interval, wanted = self._spec.get("interval"), self._spec.get("versions")
        try:
            segments = list(islice(self._hook.iter_unused_segments(table, interval=interval), _MOST_SEGMENTS))
        except PolarisError as error:
            return Finding(f"the segments to restore were not checked: {error}")
        versions = [str(segment.get("version")) for segment in segments]
        fitting = versions if wanted is None else [each for each in versions if each in wanted]
        most = "at least " if len(segments) == _MOST_SEGMENTS else ""
        there = ", ".join(map(repr, sorted(set(versions)))) or "none"
        return Finding(
            f"{most}{len(fitting)} deleted or replaced segments in {interval!r} can be restored; versions there: "
            f"{there}.",
            is_problem=not fitting,
        )


def _check_reads(flow: Flow, source: Mapping[str, Any]) -> Iterator[Finding]:
    known = _facts(source).columns
    if known is None:
        yield Finding(f"{flow.source!r} lists no columns, so the columns that the job reads were not checked.")
        return
    missing: dict[str, list[str]] = defaultdict(list)
    unread, found = [], set()
    for place, sources in flow.reads.items():
        if sources is None:
            unread.append(place)
        for column, _ in sources or ():
            if column in known or column == "__time":
                found.add(column)
            else:
                missing[column].append(place)
    for column, places in missing.items():
        near = get_close_matches(column, known, n=1)
        hint = f" Is {near[0]!r} meant?" if near else ""
        yield Finding(
            f"{flow.source!r} has no column {column!r}, which {_and(places)} reads.{hint} It lists {_columns(known)}.",
            is_problem=True,
        )
    if found:
        yield Finding(f"{flow.source!r} has the columns {_columns(found)}, which the job reads.")
    if unread:
        yield Finding(f"the columns that {_and(unread)} reads can't be determined, so they were not checked.")


def _check_constants(spec: Mapping[str, Any], source: Mapping[str, Any] | None) -> Iterator[Finding]:
    try:
        job = parse_spec(spec)
    except PolarisSpecError:
        return  # a job type that this package does not support
    if isinstance(job, BatchJobSpec):
        known = None if source is None else _facts(source).columns
        for sentence in misread_constants(job, known or ()):
            yield Finding(sentence, is_problem=True)


def _check_writes(flow: Flow, source: Mapping[str, Any] | None, target: Mapping[str, Any]) -> Iterator[Finding]:
    facts = _facts(target)
    own = facts.partitioning.value if facts.partitioning is not None else None
    if flow.partitioned_by is not None and own is not None and flow.partitioned_by != own:
        yield Finding(f"the job writes partitions by {flow.partitioned_by} to a table that is partitioned by {own}.")
    known = facts.columns
    if known is None or not flow.writes:
        return
    new = [name for name in flow.writes if name not in known and name not in ("__time", "__count")]
    is_strict = str(target.get("schemaMode")).lower() == "strict"
    if new and is_strict:
        # Source: docs.imply.io/polaris/schema.
        yield Finding(
            f"{flow.target!r} does not declare {_columns(new)}, and a table with a strict schema accepts only declared "
            "columns.",
            is_problem=True,
        )
    elif new:
        yield Finding(f"{flow.target!r} gets new columns: {_columns(new)}.")
    if source is None:
        return
    before, after = _types(source), _types(target)
    for name, sources in flow.writes.items():
        if sources is None or len(sources) != 1 or sources[0].kind != "identity":
            continue
        one, other = before.get(sources[0].column), after.get(name)
        if one is not None and other is not None and one != other:
            yield Finding(
                f"column {name!r} of {flow.target!r} is {other!r}, and {sources[0].column!r} of {flow.source!r}, which "
                f"it copies, is {one!r}.",
                is_problem=True,
            )


def _facts(payload: Mapping[str, Any]) -> TableDescription:
    return TableDescription.from_wire(payload)


def _types(payload: Mapping[str, Any]) -> dict[str, str]:
    """Return the type of each column; the stored type if known, otherwise the declared one."""
    types = {}
    for part in ("schema", "queryableSchema"):
        for column in payload.get(part) or ():
            if isinstance(column, Mapping) and isinstance(column.get("dataType"), str):
                word = column["dataType"].lower()
                types[str(column.get("name"))] = _SAME_TYPE.get(word, word)
    return types


def _columns(names: Any) -> str:
    listed = sorted(names)
    shown = ", ".join(map(repr, listed[:_MOST_COLUMNS]))
    return shown + (f" and {len(listed) - _MOST_COLUMNS} more" if len(listed) > _MOST_COLUMNS else "")


def _and(places: list[str]) -> str:
    return places[0] if len(places) == 1 else f"each of {', '.join(places[:-1])} and {places[-1]}"
