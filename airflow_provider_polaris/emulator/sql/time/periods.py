# SPDX-License-Identifier: Apache-2.0
"""
Build SQL that rounds and shifts timestamps by ISO 8601 periods.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#date-and-time-functions for the functions,
https://druid.apache.org/docs/latest/querying/granularities#period-granularities for the origins: multiples of a unit
are counted from 1970-01-01T00:00 in the zone of the call. One week starts on Monday; several weeks start on Thursday,
the first day of 1970.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.time.instants import DAY_US, Period, civil_from_days, literal, parse_period
from airflow_provider_polaris.emulator.sql.time.zones import Zone
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported

UNITS = {
    "SECOND": "PT1S",
    "MINUTE": "PT1M",
    "HOUR": "PT1H",
    "DAY": "P1D",
    "WEEK": "P1W",
    "MONTH": "P1M",
    "QUARTER": "P3M",
    "YEAR": "P1Y",
}
"""Period of each unit of FLOOR, CEIL, DATE_TRUNC, TIMESTAMPADD and TIMESTAMPDIFF."""

_PLAIN = {
    "PT1S": "second",
    "PT1M": "minute",
    "PT1H": "hour",
    "P1D": "day",
    "P1W": "week",
    "P1M": "month",
    "P3M": "quarter",
    "P1Y": "year",
}
"""Periods for which ``date_trunc``, DuckDB's fastest method, is exact."""


def unit_period(unit: str, function: str) -> Period:
    """
    Return the period of a unit.

    :raises SqlNotSupported: The unit is not one of :data:`UNITS`.
    """
    if unit.upper() not in UNITS:
        raise SqlNotSupported(f"function '{function}' is not supported with the unit {unit!r}", function)
    return parse_period(UNITS[unit.upper()])


def floor(utc: str, period: Period, *, origin: int | None = None, zone: Zone | None = None, function: str) -> str:
    """
    Round an instant down to the start of its period.

    :param utc: SQL of a timestamp in UTC.
    :param origin: Instant from which periods are counted, microseconds since 1970.
    :param function: Name for messages.
    """
    if zone is not None and (period.total_months or period.total_days or _is_one_of_a_unit(period)):
        if period.is_compound:
            raise SqlNotSupported(
                f"function '{function}' is not supported with the period {period.text!r} in a zone", function
            )
        if origin is not None:
            raise SqlNotSupported(
                f"function '{function}' is not supported with both an origin and a time zone", function
            )
        return zone.utc_near(_floor_naive(zone.local(utc), period, None, function), utc)
    if zone is not None and origin is None:
        origin = zone.epoch_us()
    return _floor_naive(utc, period, origin, function)


def ceil(utc: str, period: Period, *, origin: int | None = None, zone: Zone | None = None, function: str) -> str:
    """Round an instant up to the start of the next period; the start of a period is unchanged."""
    start = floor(utc, period, origin=origin, zone=zone, function=function)
    return f"CASE WHEN {start} = {utc} THEN {start} ELSE {shift(start, period, '1', zone)} END"


def shift(utc: str, period: Period, times: str, zone: Zone | None = None) -> str:
    """
    Add a multiple of a period: months and days on the zone's calendar, clock time as elapsed time.

    Units are added largest first, as in Joda-Time; a day beyond the end of a month becomes its last day.

    :param times: SQL of a whole number, possibly negative.
    """
    local = zone.local(utc) if zone else utc
    shifted = local
    for function, count in (
        ("to_months", period.years * 12),
        ("to_months", period.months),
        ("to_days", period.total_days),
    ):
        if count:
            shifted = f"({shifted} + {function}({_times(count, times)}))"
    if zone and shifted is not local:
        shifted = zone.utc_near(shifted, utc)
    elif zone:
        shifted = utc
    if period.clock_us:
        shifted = f"({shifted} + to_microseconds(CAST({period.clock_us} AS BIGINT) * ({times})))"
    return shifted


def truncate(unit: str, value: str) -> str:
    """Build ``date_trunc``; before DuckDB 2.0 it returns a DATE for units of a day or more."""
    if unit in ("second", "minute", "hour"):
        return f"date_trunc('{unit}', {value})"
    return f"CAST(date_trunc('{unit}', {value}) AS TIMESTAMP)"


def _times(count: int, times: str) -> str:
    return f"CAST({count} * ({times}) AS INTEGER)" if count != 1 else f"CAST({times} AS INTEGER)"


def _is_one_of_a_unit(period: Period) -> bool:
    return period.clock_us in (1_000_000, 60_000_000, 3_600_000_000)


def _floor_naive(value: str, period: Period, origin: int | None, function: str) -> str:
    if origin is None and period.text in _PLAIN:
        return truncate(_PLAIN[period.text], value)
    if period.total_months:
        return _floor_months(value, period, origin or 0, function)
    width = period.total_days * DAY_US + period.clock_us
    if origin is None and width == 7 * DAY_US and period.weeks == 1:
        return truncate("week", value)
    if width > 10_000 * 366 * DAY_US:
        raise SqlInvalid(f"Invalid period {period.text!r}: it is too long")
    return f"time_bucket(to_microseconds({width}), {value}, {literal(origin or 0)})"


def _floor_months(value: str, period: Period, origin: int, function: str) -> str:
    if period.total_days or period.clock_us:
        raise SqlNotSupported(f"function '{function}' is not supported with the period {period.text!r}", function)
    months = period.total_months
    days, clock = divmod(origin, DAY_US)
    day = civil_from_days(days)[2]
    start = literal(origin)
    if day == 1 and clock == 0:
        return f"time_bucket(to_months({months}), {value}, {start})"
    if day > 28:
        raise SqlNotSupported(
            f"function '{function}' is not supported with an origin after the 28th of a month", function
        )
    # date_sub counts whole months towards zero, so instants before the origin need one more period.
    whole = f"(date_sub('month', {start}, {value}) // {months} * {months})"
    near = f"({start} + to_months(CAST({whole} AS INTEGER)))"
    return f"CASE WHEN {value} < {near} THEN {near} - to_months({months}) ELSE {near} END"
