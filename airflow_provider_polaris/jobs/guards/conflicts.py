# SPDX-License-Identifier: Apache-2.0
"""
Detect conflicting jobs by the intervals that they write, read from Polaris' descriptions; performs no I/O.

Sources: polaris-sdk 20250425.14.0 (fields), docs.imply.io/polaris/api-delete-data, /api-restore-data and
/api-replace-data (whole segments).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

#: Types of jobs that change a table's data and end. Streaming jobs write forever; the guards do not wait for them.
CHANGING_TYPES: Final = ("batch", "sql", "delete_data", "restore_data", "drop_table")

_EVERYTHING: Final = (Interval.ETERNITY,)


def written_intervals(job: Mapping[str, Any], *, is_whole: bool) -> tuple[Interval, ...] | None:
    """
    Return the intervals that a job may change in its target.

    :param job: Entry of the list of jobs, or a description.
    :param is_whole: Whether ``job`` is a description, which contains all fields.
    :return: Intervals; all of time if the job has none. None if the description is required.
    """
    try:
        state = JobState.from_wire(job)
        if state.type == "drop_table":
            return _EVERYTHING
        if state.target_intervals:
            return tuple(Interval.parse(text) for text in state.target_intervals)
        if not is_whole:
            return None
        # Imported here, because the module loads slowly, and a task without such jobs doesn't need it.
        from airflow_provider_polaris.jobs.sql.ingestion.statement import described_statement

        statement = described_statement(job)
        if statement is not None and statement.intervals:
            return statement.intervals
        if state.ingestion_mode == "append" and state.source_interval and not _moves_time(job):
            return (Interval.parse(state.source_interval),)
    except PolarisSpecError:
        return _EVERYTHING if is_whole else None
    return _EVERYTHING


def is_append(job: Mapping[str, Any]) -> bool:
    """Whether a described job adds rows and removes none; two such jobs do not conflict."""
    state = JobState.from_wire(job)
    return state.type in ("batch", "sql") and not state.is_replace


def overlap(ours: tuple[Interval, ...], theirs: tuple[Interval, ...], partition: Granularity) -> bool:
    """
    Whether two jobs write to a common time partition.

    :param ours: Intervals of one job.
    :param theirs: Intervals of the other job.
    :param partition: Granularity of the table's partitions; Polaris replaces and deletes whole partitions.
    """
    wide = [each.widen(partition) for each in theirs]
    return any(mine.widen(partition).overlaps(other) for mine in ours for other in wide)


def _moves_time(job: Mapping[str, Any]) -> bool:
    spec = job.get("spec")
    mappings = job.get("mappings") or (spec.get("mappings") if isinstance(spec, Mapping) else None) or ()
    for mapping in mappings:
        if isinstance(mapping, Mapping) and mapping.get("columnName") == "__time":
            from airflow_provider_polaris.jobs.sql.expressions import read_expression

            reading = read_expression(str(mapping.get("expression")))
            if reading is None:
                return True
            return reading.column != "__time" and not (reading.time_floor and reading.time_floor.of_time)
    return False
