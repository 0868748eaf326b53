"""Late data: a run that begins earlier and re-rolls what lies before its own interval; performs no I/O."""

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
    How far back.

    :param period: By the calendar where it is counted in months or years, in UTC.
    :param text: The same as the user wrote it.
    """

    period: Period
    text: str

    def extend(self, interval: Interval) -> Interval:
        """
        Return the interval with an earlier start.

        >>> str(Lookback(Period.parse("P1M"), "P1M").extend(Interval.parse("2024-03-01/P1D")))
        '2024-02-01T00:00:00.000Z/2024-03-02T00:00:00.000Z'

        :raises PolarisSpecError: That is before the year 1.
        """
        try:
            return Interval((-self.period).add_to(interval.start), interval.end)
        except OverflowError:
            raise PolarisSpecError(
                f"lookback {quote(self.text)} counted back from the start of {quote(interval.to_wire())} leaves the "
                "years 1 to 9999. Use a shorter one, or leave lookback out."
            ) from None


def read_lookback(value: Any, *, mode: str, replace_all: bool, set_apart: Sequence[str]) -> Lookback | None:
    """
    Read the argument and refuse it where it has no use or does harm.

    :param value: ISO 8601 period, rendered, or None.
    :param mode: ``replace`` or ``append``.
    :param replace_all: Whether all of the target is replaced.
    :param set_apart: Which of ``source_interval`` and ``target_intervals`` are set.
    :raises PolarisSpecError: It is no period, not positive, or can't go with the rest.
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
            f"lookback {quote(text)} doesn't lead back. Write how much earlier the interval begins, such as 'P1D', or "
            "None for no lookback."
        )
    if mode == "append":
        raise PolarisSpecError(
            f"lookback {quote(text)} can't go with ingestion_mode 'append': rows that an earlier run has added would "
            "be added again. Set ingestion_mode to 'replace', or leave lookback out."
        )
    if replace_all:
        raise PolarisSpecError(
            f"lookback {quote(text)} has no use with replace_all=True, which replaces everything anyway. Leave one of "
            "the two out."
        )
    if set_apart:
        raise PolarisSpecError(
            f"lookback {quote(text)} has no use with {' and '.join(set_apart)}: it is for an interval that is read and "
            "replaced alike. Write the earlier start there, or leave lookback out."
        )
    return Lookback(period, text)


@dataclass(frozen=True)
class JobIntervals:
    """
    What a job reads and replaces.

    :param source: Interval of the source; None for all of it.
    :param targets: Intervals of the target; empty in append mode and to replace all.
    :param run: The interval of the run, if one of the two is it.
    :param lookback: How much earlier than it, or than the argument ``interval``, both begin.
    :param without: What both would be without it.
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
    Decide what is read and what is replaced.

    :param arguments: Rendered.
    :param context: Airflow's context, for the interval of the run.
    :param mode: ``replace`` or ``append``.
    :param replace_all: Whether all of the target is replaced.
    :raises PolarisSpecError: An interval can't be read, has no use, or can't be found.
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
                f"interval {quote(str(interval))} can't go with replace_all=True, which would leave the target with "
                "nothing but that interval. Leave replace_all out to replace the interval, or set source_interval if "
                "the whole table shall be replaced by a part of the source."
            )
        if not wants_source and not wants_targets:
            raise PolarisSpecError(
                f"interval {quote(str(interval))} has no use here: what is read and what is replaced are set apart "
                "already. Take out interval, or one of source_interval and target_intervals."
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
