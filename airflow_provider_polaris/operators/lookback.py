"""Late data: a run that begins earlier and re-rolls what lies before its own interval; performs no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow_provider_polaris.arguments import as_text, is_none
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.instants import quote
from airflow_provider_polaris.jobs.interval import Interval
from airflow_provider_polaris.jobs.period import Period


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
