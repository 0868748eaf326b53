# SPDX-License-Identifier: Apache-2.0
"""
Date and time functions.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#date-and-time-functions; timestamps have
milliseconds and are in UTC unless a zone is given.
"""

from __future__ import annotations

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call, Table
from airflow_provider_polaris.emulator.sql.time import joda_patterns as joda
from airflow_provider_polaris.emulator.sql.time import periods
from airflow_provider_polaris.emulator.sql.time.instants import Period, literal, parse_interval, parse_period
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import Sql, boolean, long, string, timestamp

NOW = "date_trunc('millisecond', timezone('UTC', now()))"
"""Start of the transaction, as Polaris uses a constant CURRENT_TIMESTAMP for a job."""

_FIELDS = {
    "EPOCH": "epoch_ms({}) // 1000",
    "MILLISECOND": "millisecond({}) % 1000",
    "SECOND": "second({})",
    "MINUTE": "minute({})",
    "HOUR": "hour({})",
    "DAY": "day({})",
    "DOW": "isodow({})",
    "ISODOW": "isodow({})",
    "DOY": "dayofyear({})",
    "WEEK": "weekofyear({})",
    "MONTH": "month({})",
    "QUARTER": "quarter({})",
    "YEAR": "year({})",
    "ISOYEAR": "year({})",
    "DECADE": "year({}) // 10",
    "CENTURY": "ceil(year({}) / 100.0)",
    "MILLENNIUM": "ceil(year({}) / 1000.0)",
}
"""
Expressions of TIME_EXTRACT and EXTRACT by unit. DOCUMENTED for DOW: 1 is Monday, in Druid, too. OBSERVED(Druid 33):
ISOYEAR is the year of the calendar, also in the days that belong to a week of another year.
"""

_WITHIN_DAY = frozenset({"HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND"})
#: Units of DATE_TRUNC and TIMESTAMPADD that FLOOR and CEIL don't have. OBSERVED(Druid 33): centuries and millennia are
#: counted from 1970, so the century of 2024 begins in 1970.
_LONG_UNITS = {"DECADE": "P10Y", "CENTURY": "P100Y", "MILLENNIUM": "P1000Y"}
#: Units of DATE_TRUNC: those of a period in the singular, and parts of a second in the plural.
#: OBSERVED(Druid 33); DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#date-and-time-functions.
_DATE_TRUNC = frozenset({"MICROSECONDS", "MILLISECONDS", *periods.UNITS, *_LONG_UNITS})


def time_floor(call: Call) -> Sql:
    """``TIME_FLOOR(timestamp, period[, origin[, zone]])``."""
    return timestamp(
        periods.floor(_rounded(call), call.period(1), origin=call.origin(2), zone=call.zone(3), function=call.name)
    )


def time_ceil(call: Call) -> Sql:
    """``TIME_CEIL(timestamp, period[, origin[, zone]])``."""
    return timestamp(
        periods.ceil(_rounded(call), call.period(1), origin=call.origin(2), zone=call.zone(3), function=call.name)
    )


def _rounded(call: Call) -> str:
    """
    Return the time to round; one before the origin is refused for several hours, minutes or seconds.

    OBSERVED(Druid 33): it rounds them towards the origin in some cases and away from it in others.
    """
    time, period = call.time(0), call.period(1)
    if not period.clock_us or period.text in periods.UNITS.values():
        return time
    is_before = f"{time} < {literal(call.origin(2) or 0)}"
    return call.without(time, is_before, f"with the period {period.text!r} before its origin")


def time_shift(call: Call) -> Sql:
    """``TIME_SHIFT(timestamp, period, step[, zone])``. OBSERVED(Druid 33): a step that is NULL counts as 0."""
    return timestamp(periods.shift(call.time(0), call.period(1), f"coalesce({call.integer(2)}, 0)", call.zone(3)))


def time_parse(call: Call) -> Sql:
    """``TIME_PARSE(text[, pattern[, zone]])``; NULL for text in another format."""
    pattern = call.constant_text(1) if call.has(1) else None
    return timestamp(joda.read(call.characters(0), pattern, call.zone(2), call.name))


def time_format(call: Call) -> Sql:
    """``TIME_FORMAT(timestamp[, pattern[, zone]])``."""
    pattern = call.constant_text(1) if call.has(1) else None
    time = call.time(0)
    text = joda.write(time, pattern, call.zone(2), call.name)
    return string(call.without(text, f"year({time}) NOT BETWEEN 0 AND 9999", "for years before 0 or after 9999"))


def time_extract(call: Call) -> Sql:
    """``TIME_EXTRACT(timestamp, unit[, zone])``."""
    call.time(0)
    return extract(call, call.constant_text(1))


def extract(call: Call, unit: str) -> Sql:
    """``EXTRACT(unit FROM timestamp)``."""
    if unit.upper() not in _FIELDS:
        raise call.refuse(f"with the unit {unit!r}")
    zone = call.zone(2)
    time = call.date_or_time(0)
    local = zone.local(time) if zone and unit.upper() != "EPOCH" else time
    value = f"CAST({_FIELDS[unit.upper()].format(local)} AS BIGINT)"
    # OBSERVED(Druid 33): as text, a century is '21.0'.
    return Sql(value, "long", subtype="REAL" if unit.upper() in ("CENTURY", "MILLENNIUM") else None)


def floor_to(call: Call, unit: str) -> Sql:
    """``FLOOR(timestamp TO unit)``, of a DATE a DATE."""
    rounded = periods.floor(call.date_or_time(0), periods.unit_period(unit, call.name), function=call.name)
    return Sql(rounded, call.value(0).type)


def ceil_to(call: Call, unit: str) -> Sql:
    """``CEIL(timestamp TO unit)``, of a DATE a DATE."""
    rounded = periods.ceil(call.date_or_time(0), periods.unit_period(unit, call.name), function=call.name)
    return Sql(rounded, call.value(0).type)


def date_trunc(call: Call) -> Sql:
    """``DATE_TRUNC(unit, timestamp)``."""
    unit = call.constant_text(0).upper()
    if unit not in _DATE_TRUNC:
        raise call.refuse(f"with the unit {call.constant_text(0)!r}")
    if unit in ("MICROSECONDS", "MILLISECONDS"):
        return timestamp(f"date_trunc('millisecond', {call.time(1)})")
    return timestamp(periods.floor(call.time(1), _period(call, unit), function=call.name))


def timestampadd(call: Call) -> Sql:
    """
    ``TIMESTAMPADD(unit, count, timestamp)``.

    OBSERVED(Druid 33): for months and longer units, a count that is NULL in a row counts as 0, unless the WHERE clause
    has it NULL in all rows. For shorter units, and for a constant, the result is NULL.
    """
    if call.value(1).type == "null":
        raise call.refuse("of the literal NULL")
    if call.value(1).type == "string":
        raise call.refuse("with a text as the number of units: CAST it to BIGINT")
    period, steps, time = _period(call, _unit(call)), call.integer(1), call.date_or_time(2)
    if period.total_months and call.nodes[1].find(exp.Column) is not None:
        steps = call.without(steps, f"{steps} IS NULL AND {time} IS NOT NULL", f"with NULL and the unit {_unit(call)}")
    # OBSERVED(Druid 33): a date stays one, unless the unit is shorter than a day.
    kind = "timestamp" if _unit(call) in _WITHIN_DAY else call.value(2).type
    return Sql(periods.shift(time, period, steps), kind)


def _unit(call: Call) -> str:
    """Return the first argument, an unquoted time unit such as ``DAY``."""
    node = call.nodes[0]
    if isinstance(node, exp.Column) and not node.table and isinstance(node.this, exp.Identifier):
        return str(node.name).upper()
    raise SqlInvalid(f"function '{call.name}' expects a time unit such as DAY as argument 1")


def timestampdiff(call: Call) -> Sql:
    """``TIMESTAMPDIFF(unit, start, end)``: whole units between them, negative if the end is before the start."""
    unit = _unit(call)
    start, end = call.date_or_time(1), call.date_or_time(2)
    count = f"date_sub('{unit.lower()}', {start}, {end})"
    if periods.unit_period(unit, call.name).total_months:
        # OBSERVED(Druid 33): a missing time counts as 1970.
        count = call.without(count, f"{start} IS NULL OR {end} IS NULL", f"with NULL and the unit {unit}")
    return Sql(count, "long", subtype="INTEGER")


def time_in_interval(call: Call) -> Sql:
    """
    ``TIME_IN_INTERVAL(timestamp, interval)``: the start belongs to the interval, the end does not.

    OBSERVED(Druid 33): between date and time of an ISO 8601 interval stands a ``T``; a blank is refused.
    """
    written = call.constant_text(1)
    if any(char.isspace() for char in written):
        raise SqlInvalid(f"Invalid interval {written!r}: ISO 8601 with 'T' between date and time is expected")
    start, end = parse_interval(written)
    time = call.time(0)
    return boolean(f"({time} >= {literal(start)} AND {time} < {literal(end)})")


def millis_to_timestamp(call: Call) -> Sql:
    """``MILLIS_TO_TIMESTAMP(millis)``."""
    if call.value(0).type in ("double", "float"):
        raise call.refuse("of a fraction: CAST it to BIGINT")
    return timestamp(f"make_timestamp_ms({call.integer(0)})")


def timestamp_to_millis(call: Call) -> Sql:
    """``TIMESTAMP_TO_MILLIS(timestamp)``."""
    return long(f"epoch_ms({call.time(0)})")


def current_timestamp(call: Call) -> Sql:
    """``CURRENT_TIMESTAMP``."""
    del call
    return timestamp(NOW)


def current_date(call: Call) -> Sql:
    """``CURRENT_DATE``: today's midnight in UTC."""
    del call
    return Sql(periods.truncate("day", NOW), "date")


def add_interval(time: Sql, interval: Sql, sign: int) -> Sql:
    """``timestamp + INTERVAL ..`` and ``timestamp - INTERVAL ..``."""
    text = interval.constant
    if time.type == "date":
        # OBSERVED(Druid 33): the result is a date again, without the hours.
        raise SqlNotSupported("DATE + INTERVAL is not supported: CAST the date to TIMESTAMP")
    if not isinstance(text, str):
        raise SqlNotSupported("an interval that is not a literal is not supported")
    negative = text.startswith("-")
    times = -sign if negative else sign
    return timestamp(periods.shift(time.text, parse_period(text.removeprefix("-")), str(times)))


def _period(call: Call, unit: str) -> Period:
    long_one = _LONG_UNITS.get(unit)
    return parse_period(long_one) if long_one is not None else periods.unit_period(unit, call.name)


FUNCTIONS: Table = {
    "TIME_FLOOR": (time_floor, 2, 4),
    "TIME_CEIL": (time_ceil, 2, 4),
    "TIME_SHIFT": (time_shift, 3, 4),
    "TIME_PARSE": (time_parse, 1, 3),
    "TIME_FORMAT": (time_format, 1, 3),
    "TIME_EXTRACT": (time_extract, 2, 3),
    "TIME_IN_INTERVAL": (time_in_interval, 2, 2),
    "DATE_TRUNC": (date_trunc, 2, 2),
    "TIMESTAMPADD": (timestampadd, 3, 3),
    "TIMESTAMPDIFF": (timestampdiff, 3, 3),
    "MILLIS_TO_TIMESTAMP": (millis_to_timestamp, 1, 1),
    "TIMESTAMP_TO_MILLIS": (timestamp_to_millis, 1, 1),
    "CURRENT_TIMESTAMP": (current_timestamp, 0, 0),
    "CURRENT_DATE": (current_date, 0, 0),
}
