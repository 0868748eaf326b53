# SPDX-License-Identifier: Apache-2.0
"""Determine which intervals a job reads and replaces, with a lookback for late data; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.jobs.time.period import Period
from airflow_provider_polaris.operators.table_to_table_arguments import TableToTableArguments
from airflow_provider_polaris.runtime.arguments import (
    as_list,
    as_text,
    is_none,
)
from airflow_provider_polaris.runtime.run_interval import RunInterval, interval_of_run


@dataclass(frozen=True)
class Lookback:
    """
    How much earlier the interval begins.

    :param period: The period. Months and years are calendar months and years in UTC.
    :param text: The period as the user wrote it.
    """

    period: Period
    text: str

    def extend(self, interval: Interval) -> Interval:
        """
        Return the interval with an earlier start.

        >>> str(Lookback(Period.parse("P1M"), "P1M").extend(Interval.parse("2024-03-01/P1D")))
        '2024-02-01T00:00:00.000Z/2024-03-02T00:00:00.000Z'

        :raises PolarisSpecError: The start is before the year 1.
        """
        try:
            return Interval((-self.period).add_to(interval.start), interval.end)
        except OverflowError:
            raise PolarisSpecError(
                f"lookback {quote(self.text)} counted back from the start of {quote(interval.to_wire())} is outside "
                "the years 1 to 9999. Use a shorter one, or omit lookback."
            ) from None


def read_lookback(value: Any, *, mode: str, replace_all: bool, set_apart: Sequence[str]) -> Lookback | None:
    """
    Parse the argument ``lookback``, and refuse it where it has no effect or causes damage.

    :param value: ISO 8601 period, rendered, or None.
    :param mode: ``replace`` or ``append``.
    :param replace_all: Whether all of the target is replaced.
    :param set_apart: Names of the arguments ``source_interval`` and ``target_intervals`` that are set.
    :raises PolarisSpecError: It is not a positive period, or it conflicts with another argument.
    """
    if is_none(value):
        return None
    text = as_text(value, "lookback").strip()
    try:
        period = Period.parse(text)
    except PolarisSpecError as error:
        raise PolarisSpecError(f"lookback: {error}") from None
    if period == Period() or period.months < 0 or period.weeks < 0 or period.exact < timedelta():
        raise PolarisSpecError(
            f"lookback {quote(text)} is not positive. Write how much earlier the interval begins, such as 'P1D', or "
            "None for no lookback."
        )
    if mode == "append":
        raise PolarisSpecError(
            f"lookback {quote(text)} can't be combined with ingestion_mode 'append': rows that an earlier run added "
            "would be added again. Set ingestion_mode to 'replace', or omit lookback."
        )
    if replace_all:
        raise PolarisSpecError(
            f"lookback {quote(text)} has no effect with replace_all=True, which replaces everything. Omit one of the "
            "two."
        )
    if set_apart:
        raise PolarisSpecError(
            f"lookback {quote(text)} can't be combined with {' and '.join(set_apart)}: it needs one interval that is "
            "both read and replaced. Write the earlier start there, or omit lookback."
        )
    return Lookback(period, text)


@dataclass(frozen=True)
class JobIntervals:
    """
    The intervals that a job reads and replaces.

    :param source: Interval of the source; None for all of it.
    :param targets: Intervals of the target; empty in append mode and with ``replace_all``.
    :param run: The interval of the run, if the job uses it; otherwise None.
    :param lookback: How much earlier both begin than the run's interval or the argument ``interval``.
    :param without: The interval without the lookback.
    """

    source: Interval | None
    targets: tuple[Interval, ...]
    run: RunInterval | None = None
    lookback: Lookback | None = None
    without: Interval | None = None


def plan_intervals(
    arguments: TableToTableArguments, context: Mapping[str, Any], *, mode: str, replace_all: bool
) -> JobIntervals:
    """
    Determine which intervals are read and replaced.

    :param arguments: Rendered arguments.
    :param context: Airflow's context, for the interval of the run.
    :param mode: ``replace`` or ``append``.
    :param replace_all: Whether all of the target is replaced.
    :raises PolarisSpecError: An interval can't be parsed, has no effect, or can't be determined.
    """
    interval = None if is_none(arguments.interval) else _interval(arguments.interval, "interval")
    source = _interval(arguments.source_interval, "source_interval")
    texts = arguments.target_intervals
    listed = [texts] if isinstance(texts, Interval) else as_list(texts, "target_intervals")
    targets = tuple(
        span
        for index, text in enumerate(listed or ())
        if (span := _interval("" if text is None else text, f"target_intervals[{index}]")) is not None
    )
    apart = {"source_interval": source, "target_intervals": listed}
    lookback = read_lookback(
        arguments.lookback,
        mode=mode,
        replace_all=replace_all,
        set_apart=[name for name, value in apart.items() if value is not None],
    )
    wants_source = source is None
    wants_targets = mode == "replace" and not replace_all and listed is None
    run = None
    if interval is not None:
        if replace_all:
            raise PolarisSpecError(
                f"interval {quote(str(interval))} can't be combined with replace_all=True: the target would contain "
                "only that interval. Omit replace_all to replace the interval, or set source_interval to replace the "
                "whole table with a part of the source."
            )
        if not wants_source and not wants_targets:
            raise PolarisSpecError(
                f"interval {quote(str(interval))} has no effect: source_interval and target_intervals already set what "
                "is read and replaced. Omit interval, or one of the other two."
            )
    elif wants_targets or (mode == "append" and wants_source and not replace_all):
        grain = None if is_none(arguments.partition_grain) else as_text(arguments.partition_grain, "partition_grain")
        run = interval_of_run(context, partition_grain=grain)
        interval = run.interval
    without = interval
    if interval is not None and lookback is not None:
        interval = lookback.extend(interval)
    if interval is not None:
        source = interval if wants_source else source
        targets = (interval,) if wants_targets else targets
    return JobIntervals(source, targets, run, lookback, without)


def _interval(value: Any, field: str) -> Interval | None:
    return value if value is None or isinstance(value, Interval) else Interval.parse(value, field=field)
