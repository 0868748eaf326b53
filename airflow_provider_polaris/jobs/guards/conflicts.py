"""
Which jobs get in each other's way: what a job works on, read from what Polaris says about it; performs no I/O.

Sources: polaris-sdk 20250425.14.0 (fields), docs.imply.io/polaris/api-delete-data, /api-restore-data and
/api-replace-data (whole segments).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.sql.expressions import read_expression
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

#: Types of jobs that change a table's data and end; streaming jobs write for ever and are not waited for.
CHANGING_TYPES: Final = ("batch", "sql", "delete_data", "restore_data", "drop_table")

_EVERYTHING: Final = (Interval.ETERNITY,)


def written_intervals(job: Mapping[str, Any], *, is_whole: bool) -> tuple[Interval, ...] | None:
    """
    Return what a job may change in its target.

    :param job: As the list or a description has it.
    :param is_whole: Whether it is a description: what that leaves out isn't there.
    :return: Intervals; all of time where a job has none. None if only a description can tell.
    """
    try:
        state = JobState.from_wire(job)
        if state.type == "drop_table":
            return _EVERYTHING
        if state.target_intervals:
            return tuple(Interval.parse(text) for text in state.target_intervals)
        if not is_whole:
            return None
        if state.ingestion_mode == "append" and state.source_interval and not _moves_time(job):
            return (Interval.parse(state.source_interval),)
    except PolarisSpecError:
        return _EVERYTHING if is_whole else None
    return _EVERYTHING


def is_append(job: Mapping[str, Any]) -> bool:
    """Whether a described job adds rows and takes none away; two such jobs don't get in each other's way."""
    state = JobState.from_wire(job)
    return state.type in ("batch", "sql") and not state.is_replace


def overlap(ours: tuple[Interval, ...], theirs: tuple[Interval, ...], partition: Granularity) -> bool:
    """
    Whether two jobs touch a common time partition.

    :param ours: What one works on.
    :param theirs: What the other works on.
    :param partition: Partitions of the table; Polaris replaces and deletes whole ones.
    """
    wide = [each.widen(partition) for each in theirs]
    return any(mine.widen(partition).overlaps(other) for mine in ours for other in wide)


def _moves_time(job: Mapping[str, Any]) -> bool:
    spec = job.get("spec")
    mappings = job.get("mappings") or (spec.get("mappings") if isinstance(spec, Mapping) else None) or ()
    for mapping in mappings:
        if isinstance(mapping, Mapping) and mapping.get("columnName") == "__time":
            reading = read_expression(str(mapping.get("expression")))
            if reading is None:
                return True
            return reading.column != "__time" and not (reading.time_floor and reading.time_floor.of_time)
    return False
