# SPDX-License-Identifier: Apache-2.0
"""
Check that the intervals of a batch job are aligned to partitions; performs no I/O.

Polaris replaces whole segments, so a replace interval that ends inside a segment erases rows outside of the interval.
Source: docs.imply.io/polaris/api-replace-data ("Segment granularity"), polaris-sdk 20250425.14.0
(``TableJobTargetV2.intervals``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, TableSource
from airflow_provider_polaris.jobs.sql.expressions import TimeFloor, read_expression
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.jobs.time.period import Period

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_OFFSET: Final = re.compile(r"([+-])(\d{2}):?(\d{2})")
_MONTHS: Final = {Granularity.MONTH: 1, Granularity.QUARTER: 3, Granularity.YEAR: 12}


@dataclass(frozen=True, slots=True)
class Partition:
    """
    A granularity to which intervals must be aligned.

    :param granularity: The granularity.
    :param origin: Where it comes from, for messages.
    :param is_the_tables_own: Whether the table has it.
    :param is_default: Whether the job names none and the table is new.
    """

    granularity: Granularity
    origin: str
    is_the_tables_own: bool = False
    is_default: bool = False


def check_alignment(
    spec: BatchJobSpec,
    *,
    target: TableDescription | None,
    target_known_absent: bool,
    allow_finer_partitions: bool,
    derived_interval: bool,
    interval_hint: str | None,
) -> None:
    """
    Check partitions, rollup granularity and intervals against each other.

    See :func:`airflow_provider_polaris.jobs.validation.rules.check_spec` for the parameters.

    :raises PolarisSpecError: The message gives the field, its value, the rule and the fix.
    """
    if target is not None and target.partitioning is None and spec.target.intervals:
        raise PolarisSpecError(
            f"target.tableName {target.name!r} has a time partitioning that this package does not support. "
            "target.intervals might erase more data than they name. Install a newer version of this package."
        )
    partitioned_by = None if spec.partitioned_by is None else Granularity(spec.partitioned_by)
    partitions = partitions_to_align(
        partitioned_by, "partitionedBy of the job", target, target_known_absent, allow_finer_partitions
    )
    rollup = _rollup(spec)
    for partition in partitions:
        if rollup is not None:
            _check_rollup(rollup, partition)
    for field, text, interval in _checked_intervals(spec, derived_interval):
        for partition in partitions:
            _check_interval(field, text, interval, partition, spec, interval_hint)
        if rollup is not None:
            _check_on_rollup(field, text, interval, rollup)


def partitions_to_align(
    partitioned_by: Granularity | None,
    origin: str,
    target: TableDescription | None,
    target_known_absent: bool,
    allow_finer: bool,
) -> list[Partition]:
    """
    Return the partitions to which the intervals of a job must be aligned, the coarsest first; empty if none is known.

    :param partitioned_by: Granularity of the partitions that the job writes; None if it doesn't say.
    :param origin: What says so, for messages.
    :param target: Description of the target table, if known.
    :param target_known_absent: The target does not exist.
    :param allow_finer: Ignore coarser partitions of the table.
    """
    asked = None if partitioned_by is None else Partition(partitioned_by, origin)
    if target is None or target.partitioning is None:
        if asked is None and target_known_absent:
            return [Partition(Granularity.DAY, "the default of a new table", is_default=True)]
        return [asked] if asked else []
    own = Partition(target.partitioning, f"the partitioning of table {target.name!r}", is_the_tables_own=True)
    if asked is None or asked.granularity is own.granularity:
        return [own]
    if own.granularity.is_coarser_than(asked.granularity):
        return [asked] if allow_finer else [own, asked]
    # A week does not divide a month: the interval must fit both, because whole segments of both lengths are replaced.
    return [asked] if own.granularity.divides(asked.granularity) else [asked, own]


def _checked_intervals(spec: BatchJobSpec, derived: bool) -> Iterator[tuple[str, str, Interval]]:
    if spec.ingestion_mode == "replace":
        for index, (text, span) in enumerate(zip(spec.target.intervals or (), spec.target.spans, strict=True)):
            yield f"target.intervals[{index}]", text, span
    elif derived and isinstance(spec.source, TableSource):
        yield "source.interval", spec.source.interval, spec.source.span


def _check_interval(
    field: str, text: str, interval: Interval, partition: Partition, spec: BatchJobSpec, hint: str | None
) -> None:
    granularity = partition.granularity
    replaces = spec.ingestion_mode == "replace"
    if granularity is Granularity.ALL:
        if replaces:
            raise PolarisSpecError(
                f"{field} {quote(text)} can't be replaced by itself: with granularity 'all' ({partition.origin}) the "
                "table is one partition. Set replaceAll to true and leave the intervals out, or partition by time."
            )
        return
    if interval.is_aligned(granularity):
        return
    if replaces:
        reason = "Polaris replaces whole partitions, so it would refuse, or erase rows that the interval doesn't name"
    else:
        reason = "an interval that is taken from the run has to, so that the same rows can be replaced later"
    raise PolarisSpecError(
        f"{field} {quote(text)} does not fall on {granularity.value!r} boundaries ({partition.origin}): {reason}. "
        f"Use {quote(interval.align(granularity).to_wire())}, the nearest aligned interval."
        f"{_zone_sentence(text, interval, granularity, hint)}{_finer_sentence(interval, partition, spec)}"
    )


def _finer_sentence(interval: Interval, partition: Partition, spec: BatchJobSpec) -> str:
    """Suggest finer partitions to which the interval is aligned: of a new table, or of the job's ``partitionedBy``."""
    if partition.is_default and interval.is_aligned(Granularity.HOUR):
        return f" Or create the new table with partitionedBy {Granularity.HOUR.value!r}."
    if not partition.is_the_tables_own or spec.partitioned_by is None:
        return ""
    asked = Granularity(spec.partitioned_by)
    if asked.is_coarser_than(partition.granularity) or not interval.is_aligned(asked):
        return ""
    return (
        " Or pass allow_finer_partitions=True, if the table holds no segments coarser than "
        f"{asked.value!r} there: those would be erased whole."
    )


def _zone_sentence(text: str, interval: Interval, granularity: Granularity, hint: str | None) -> str:
    """Name a time zone of the user in which the interval is aligned; empty if there is none."""
    offsets = [match.group() for side in text.split("/") if (match := _OFFSET.search(side, 11))]
    for name in [hint, *offsets]:
        zone = _zone(name)
        if zone is None:
            continue
        try:
            local = Interval(
                *(end.astimezone(zone).replace(tzinfo=timezone.utc) for end in (interval.start, interval.end))
            )
        except (OverflowError, PolarisSpecError):
            continue
        if local.is_aligned(granularity):
            return (
                f" It falls on them in {name!r}, but days are UTC days in Polaris: give the timetable the time zone "
                "UTC, or set the interval yourself."
            )
    return ""


def _zone(name: str | None) -> tzinfo | None:
    if not name:
        return None
    match = _OFFSET.fullmatch(name)
    if match:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-offset if match[1] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


@dataclass(frozen=True, slots=True)
class _Rollup:
    """The rounding of ``__time`` in the mappings."""

    shown: str
    floor: TimeFloor
    granularity: Granularity | None
    period: Period


def _rollup(spec: BatchJobSpec) -> _Rollup | None:
    for index, mapping in enumerate(spec.mappings):
        reading = read_expression(mapping.expression) if mapping.column_name == "__time" else None
        if reading is None or reading.time_floor is None or reading.time_floor.has_origin:
            continue
        floor = reading.time_floor
        shown = f"mappings[{index}].expression {quote(mapping.expression)}"
        try:
            period = Period.parse(floor.period)
        except PolarisSpecError as error:
            raise PolarisSpecError(f"{shown} rounds to no period: {error}") from None
        try:
            granularity = Granularity.parse(floor.period)
        except PolarisSpecError:
            granularity = None
        return _Rollup(shown, floor, granularity, period)
    return None


def _check_rollup(rollup: _Rollup, partition: Partition) -> None:
    shown = f"{rollup.shown} rounds time to {rollup.floor.period!r}"
    rule = f"{partition.granularity.value!r} partitions ({partition.origin})"
    if not _divides(rollup, partition.granularity):
        raise PolarisSpecError(
            f"{shown}, which does not divide {rule}: rounded times would leave the partition that they came from. "
            "Round to a finer granularity, or set partitionedBy to a coarser one."
        )
    quarter_hours = Granularity.FIFTEEN_MINUTE
    if (
        rollup.floor.zone is None
        or rollup.floor.zone in ("UTC", "Etc/UTC", "Z")
        or partition.granularity is Granularity.ALL
    ):
        return
    # Offsets of the time zones in use are whole quarters of an hour, so finer buckets are equal in every zone.
    if rollup.granularity is None or not rollup.granularity.divides(quarter_hours):
        raise PolarisSpecError(
            f"{shown} in the time zone {rollup.floor.zone!r}, but {rule} are counted in UTC: rounded times would "
            "leave the partition that they came from. Leave the time zone out."
        )


def _check_on_rollup(field: str, text: str, interval: Interval, rollup: _Rollup) -> None:
    granularity = rollup.granularity
    if granularity is None or interval.is_aligned(granularity):
        return
    raise PolarisSpecError(
        f"{field} {quote(text)} does not fall on {granularity.value!r} boundaries, to which {rollup.shown} rounds: "
        "rounded times would leave the interval. Use "
        f"{quote(interval.align(granularity).to_wire())}, the nearest aligned interval."
    )


def _divides(rollup: _Rollup, partition: Granularity) -> bool:
    if partition is Granularity.ALL:
        return True
    if rollup.granularity is not None:
        return rollup.granularity.divides(partition)
    period = rollup.period
    if period.months and not period.weeks and not period.exact:
        return partition in _MONTHS and _MONTHS[partition] % period.months == 0
    if period.months or period.weeks or period.exact <= timedelta():
        return False
    # Weeks and months are whole days, but their starts are not aligned to longer buckets.
    bucket = min(partition.next(_EPOCH) - _EPOCH, timedelta(days=1))
    return not bucket % period.exact
