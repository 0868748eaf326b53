# SPDX-License-Identifier: Apache-2.0
"""
Translate Joda-Time patterns to DuckDB SQL: format a timestamp as text, parse text as a timestamp.

DOCUMENTED https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html for the letters,
https://druid.apache.org/docs/latest/querying/sql-scalar#date-and-time-functions for the defaults. A letter without an
exact counterpart raises an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from airflow_provider_polaris.emulator.sql.time.zones import Zone
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import quote_text

_WRITE = {
    "yyyy": "%Y", "YYYY": "%Y", "yy": "%y", "xxxx": "%G", "ww": "%V", "e": "%u", "DDD": "%j",
    "MM": "%m", "M": "%-m", "MMM": "%b", "MMMM": "%B", "dd": "%d", "d": "%-d",
    "E": "%a", "EE": "%a", "EEE": "%a", "EEEE": "%A", "a": "%p",
    "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S", "SSS": "%g",
}  # fmt: skip
"""Maps a run of letters to a strftime code."""

_COMPUTED = {
    **dict.fromkeys(("y", "Y"), "CAST(year({0}) AS VARCHAR)"),
    "x": "CAST(isoyear({0}) AS VARCHAR)",
    "D": "CAST(dayofyear({0}) AS VARCHAR)",
    "w": "CAST(week({0}) AS VARCHAR)",
    "S": "left(strftime({0}, '%g'), 1)",
    "SS": "left(strftime({0}, '%g'), 2)",
}
"""Maps a run of letters to SQL of the timestamp, where strftime has no code."""
_UTC = {"Z": "+0000", "ZZ": "+00:00", "ZZZ": "UTC", "z": "UTC"}
"""Maps a run of letters to the offset or the name of UTC. OBSERVED(Druid 33)."""

_READ = {
    "yyyy": ("year", r"[+-]?\d{1,9}"), "MM": ("month", r"\d{1,2}"), "M": ("month", r"\d{1,2}"),
    "MMM": ("name", r"[a-zA-Z]{3}"), "dd": ("day", r"\d{1,2}"), "d": ("day", r"\d{1,2}"),
    "HH": ("hour", r"[01]?\d|2[0-3]"), "H": ("hour", r"[01]?\d|2[0-3]"),
    "hh": ("hour12", r"0?[1-9]|1[0-2]"), "h": ("hour12", r"0?[1-9]|1[0-2]"), "a": ("half", r"[aApP][mM]"),
    "mm": ("minute", r"[0-5]?\d"), "m": ("minute", r"[0-5]?\d"),
    "ss": ("second", r"[0-5]?\d"), "s": ("second", r"[0-5]?\d"),
    "S": ("fraction", r"\d{1}"), "SS": ("fraction", r"\d{1,2}"), "SSS": ("fraction", r"\d{1,3}"),
    "Z": ("zone", r"[+-]\d{2}(?::?\d{2})?|Z"), "ZZ": ("zone", r"[+-]\d{2}(?::?\d{2})?|Z"),
}  # fmt: skip
"""Maps a run of letters to its field and regular expression."""

_FIXED_WIDTH = {"year": 4, "month": 2, "day": 2, "hour": 2, "hour12": 2, "minute": 2, "second": 2}

_ISO = (
    r"^(?P<year>[+-]?\d{1,9})(?:-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2}))?)?"
    r"(?:[Tt ](?:(?P<hour>[01]?\d|2[0-3])(?::(?P<minute>[0-5]?\d)"
    r"(?::(?P<second>[0-5]?\d)(?:[.,](?P<fraction>\d+))?)?)?)?"
    r"(?P<zone>[Zz]|[+-]\d{2}(?::?\d{2})?)?)?$"
)
_ODD_ISO = (
    r"^[^Tt ]+[Tt ](\d{1,2}[.,]|\d{1,2}:\d{1,2}[.,]|.*[+-]\d{2}:?\d{2}:?\d)"
    r"|^\d{1,3}-(W\d|\d{3}([Tt ]|$))|^\d{4}-W\d([^\d]|$)"
)
"""
Forms of ISO 8601 that Druid reads and the emulator doesn't: fractions of hours and minutes, offsets with seconds, and
years of fewer than four digits, and weeks of one digit, in week and ordinal dates.
"""
_GROUP = re.compile(r"\?P<(\w+)>")
_TOKEN = re.compile(r"(?P<quoted>'(?:[^']|'')*')|(?P<run>([A-Za-z])\3*)|(?P<other>[^A-Za-z']+)")
_MONTHS = "['jan','feb','mar','apr','may','jun','jul','aug','sep','oct','nov','dec']"


def write(utc: str, pattern: str | None, zone: Zone | None, function: str) -> str:
    """
    Build the SQL that formats a timestamp.

    :param pattern: Joda pattern, or None for ISO 8601 with milliseconds and offset.
    :raises SqlNotSupported: The pattern has an unsupported letter.
    """
    if pattern is None:
        if zone is not None:
            raise SqlNotSupported(f"function '{function}' is not supported without a pattern in a time zone", function)
        # OBSERVED(Druid 33): the default pattern ends in Joda's ZZ, which writes UTC as +00:00.
        return f"strftime({utc}, '%Y-%m-%dT%H:%M:%S.%g+00:00')"
    local = zone.local(utc) if zone else utc
    parts, code = [], ""
    for letters, other in _tokens(pattern):
        if letters in _COMPUTED:
            parts += [_formatted(local, code), _COMPUTED[letters].format(local)]
            code = ""
        elif letters in _WRITE:
            code += _WRITE[letters]
        elif letters and (zone is not None or letters not in _UTC):
            raise _unsupported(letters, pattern, function)
        else:
            code += (_UTC[letters] if letters else other).replace("%", "%%")
    parts.append(_formatted(local, code))
    return parts[0] if len(parts) == 1 else f"({' || '.join(parts)})"


def _formatted(time: str, code: str) -> str:
    return f"strftime({time}, {quote_text(code)})" if code else "''"


def read(text: str, pattern: str | None, zone: Zone | None, function: str) -> str:
    """
    Build the SQL that parses a text as a timestamp; NULL for a text in another format.

    :param text: SQL of a string.
    :param pattern: Joda pattern, or None for ISO 8601 with ``T`` or a blank, trailing parts are optional.
    :param zone: Zone of texts without an offset; None for UTC.
    """
    expression = _ISO if pattern is None else _pattern_to_regex(pattern, function)
    names = _GROUP.findall(expression)
    plain = _GROUP.sub("", expression)
    groups = ", ".join(quote_text(name) for name in names)
    # What is used several times is the parameter of a lambda: DuckDB takes long to plan repeated expressions.
    match = f"regexp_extract({text if pattern else _calendar_date(text)}, {quote_text(plain)}, [{groups}])"
    fields = {name: f"__field.{name}" for name in names}

    parts = [
        _year(fields["year"], function) if "year" in fields else "'1970'",
        "'-'",
        _month(fields),
        "'-'",
        _or_default(fields, "day", "1"),
        "' '",
        _hour(fields),
        "':'",
        _or_default(fields, "minute", "00"),
        "':'",
        _or_default(fields, "second", "00"),
        "'.'",
        f"left({_or_default(fields, 'fraction', '0')}, 3)",
    ]
    naive = f"TRY_CAST({' || '.join(parts)} AS TIMESTAMP)"
    if pattern is None:
        odd = quote_text(f"function '{function}' is not supported with this form of ISO 8601: ")
        naive = f"CASE WHEN regexp_matches({text}, {quote_text(_ODD_ISO)}) THEN error({odd} || {text}) ELSE {naive} END"
    utc = _to_utc("__naive", fields.get("zone"), zone)
    instant = f"list_transform([{naive}], lambda __naive: {utc})[1]"
    return f"list_transform([{match}], lambda __field: {instant})[1]"


def _to_utc(naive: str, offset: str | None, zone: Zone | None) -> str:
    """Build the SQL that converts a time with an offset, or of a zone, to UTC."""
    local = zone.utc(naive) if zone else naive
    if offset is None:
        return local
    digits = f"rpad(replace({offset}[2:], ':', ''), 4, '0')"
    minutes = f"(CAST({digits}[1:2] AS INTEGER) * 60 + CAST({digits}[3:4] AS INTEGER))"
    signed = f"to_minutes(CASE WHEN {offset}[1] = '-' THEN -{minutes} ELSE {minutes} END)"
    return f"CASE WHEN {offset} = '' THEN {local} WHEN upper({offset}) = 'Z' THEN {naive} ELSE {naive} - {signed} END"


def _calendar_date(text: str) -> str:
    """Rewrite ISO 8601 week and ordinal dates (``2024-W10-1``, ``2024-060``) as calendar dates. OBSERVED(Druid 33)."""
    forms = ((r"^\d{4}-W\d{2}-\d([T ].*)?$", 10, "%G-W%V-%u", ""), (r"^\d{4}-W\d{2}([T ].*)?$", 8, "%G-W%V-%u", "-1"))
    cases = ""
    for regex, length, code, more in (*forms, (r"^\d{4}-\d{3}([T ].*)?$", 8, "%Y-%j", "")):
        day = f"strftime(try_strptime(left({text}, {length}) || '{more}', '{code}'), '%Y-%m-%d')"
        cases += f" WHEN regexp_matches({text}, {quote_text(regex)}) THEN {day} || substring({text}, {length + 1})"
    return f"(CASE{cases} ELSE {text} END)"


def _pattern_to_regex(pattern: str, function: str) -> str:
    """Translate a pattern to a regular expression with the fields as named groups."""
    tokens = list(_tokens(pattern))
    expression, seen = "^", set[str]()
    for index, (letters, other) in enumerate(tokens):
        if not letters:
            expression += re.escape(other)
            continue
        if letters not in _READ:
            raise _unsupported(letters, pattern, function)
        field, matches = _READ[letters]
        if field in seen:
            raise SqlNotSupported(
                f"function '{function}' is not supported with {letters!r} twice in {pattern!r}", function
            )
        seen.add(field)
        beside_digits = any(
            0 <= at < len(tokens) and tokens[at][0][:1] in tuple("yMdHhmsS") for at in (index - 1, index + 1)
        )
        if beside_digits and letters[:1] in tuple("yMdHhmsS"):
            # Without a separator, a field has one digit per letter.
            if letters == "MMM" or (field in _FIXED_WIDTH and len(letters) != _FIXED_WIDTH[field]):
                raise _unsupported(letters, pattern, function)
            matches = rf"\d{{{len(letters)}}}"
        expression += f"(?P<{field}>{matches})"
    if ("hour12" in seen) != ("half" in seen) or {"hour", "hour12"} <= seen or {"month", "name"} <= seen:
        raise SqlNotSupported(f"function '{function}' is not supported with the pattern {pattern!r}", function)
    return expression + "$"


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    """Split a pattern into runs of one letter and literal text."""
    position = 0
    while position < len(pattern):
        match = _TOKEN.match(pattern, position)
        if match is None:
            raise SqlInvalid(f"Invalid date time pattern {pattern!r}: the quotes don't match")
        position = match.end()
        if match["run"]:
            yield match["run"], ""
        elif match["quoted"]:
            yield "", match["quoted"][1:-1].replace("''", "'") or "'"
        else:
            yield "", match["other"]


def _year(year: str, function: str) -> str:
    """Fill a year up to four digits; one beyond them, which Druid reads, is refused."""
    message = quote_text(f"function '{function}' is not supported with the year ")
    return (
        f"CASE WHEN regexp_full_match({year}, '-.*|[+]?[0-9]*[1-9][0-9]{{4,}}') THEN error({message} || {year}) "
        f"WHEN {year} <> '' THEN right('000' || ltrim({year}, '+'), 4) END"
    )


def _month(fields: dict[str, str]) -> str:
    if "name" in fields:
        return f"CAST(list_position({_MONTHS}, lower({fields['name']})) AS VARCHAR)"
    return _or_default(fields, "month", "1")


def _hour(fields: dict[str, str]) -> str:
    if "hour12" in fields:
        noon = f"CASE WHEN lower({fields['half']}) = 'pm' THEN 12 ELSE 0 END"
        return f"CAST(TRY_CAST({fields['hour12']} AS INTEGER) % 12 + {noon} AS VARCHAR)"
    return _or_default(fields, "hour", "00")


def _or_default(fields: dict[str, str], name: str, default: str) -> str:
    return f"coalesce(nullif({fields[name]}, ''), '{default}')" if name in fields else f"'{default}'"


def _unsupported(letters: str, pattern: str, function: str) -> SqlNotSupported:
    return SqlNotSupported(
        f"function '{function}' is not supported with {letters!r} in the pattern {pattern!r}", function
    )
