# SPDX-License-Identifier: Apache-2.0
"""Build SQL that converts naive timestamps in UTC to the local time of a zone and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from airflow_provider_polaris.emulator.sql.values.types import SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import quote_text

_UTC = frozenset({"UTC", "Etc/UTC", "GMT", "Z", "+00:00"})
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>\d{2}):(?P<minutes>\d{2})", re.ASCII)


@dataclass(frozen=True)
class Zone:
    """
    A time zone that is not UTC.

    :param name: IANA name, or ``+HH:MM`` for a fixed offset.
    :param offset_us: The fixed offset in microseconds, None for a named zone.
    """

    name: str
    offset_us: int | None

    def local(self, utc: str) -> str:
        """Build the SQL for the local time of an instant."""
        if self.offset_us is not None:
            return f"({utc} + to_microseconds({self.offset_us}))"
        return f"timezone({quote_text(self.name)}, timezone('UTC', {utc}))"

    def utc_near(self, local: str, original: str) -> str:
        """
        Build the SQL for the instant of a local time that was computed from an instant.

        As in Joda-Time, which Druid uses: of two instants with this local time, the one with the offset of ``original``
        is used; a skipped local time becomes the first one after the gap.
        """
        if self.offset_us is not None:
            return f"({local} - to_microseconds({self.offset_us}))"
        same_offset = f"({local} - ({self.local(original)} - {original}))"
        return f"CASE WHEN {self.local(same_offset)} = {local} THEN {same_offset} ELSE {self._utc(local)} END"

    def utc(self, local: str) -> str:
        """Build the SQL for the instant of a local time: the earlier of two, NULL for a skipped local time."""
        if self.offset_us is not None:
            return f"({local} - to_microseconds({self.offset_us}))"
        late = self._utc(local)
        day_before = f"({late} - to_hours(24))"
        early = f"({local} - ({self.local(day_before)} - {day_before}))"
        return f"CASE WHEN {self.local(early)} = {local} THEN {early} WHEN {self.local(late)} = {local} THEN {late} END"

    def epoch_us(self) -> int:
        """Return the instant at which 1970 starts in this zone, in microseconds."""
        if self.offset_us is not None:
            return -self.offset_us
        offset = datetime(1970, 1, 1, tzinfo=ZoneInfo(self.name)).utcoffset()
        assert offset is not None
        return -int(offset.total_seconds()) * 1_000_000

    def _utc(self, local: str) -> str:
        return f"timezone('UTC', timezone({quote_text(self.name)}, {local}))"


@cache
def _names() -> frozenset[str]:
    """Return the known names; cached, because this reads directories."""
    return frozenset(available_timezones())


def parse_zone(name: str) -> Zone | None:
    """
    Parse a time zone.

    :return: None for UTC.
    :raises SqlNotSupported: The zone doesn't exist.

    >>> parse_zone("UTC"), parse_zone("+05:30").offset_us
    (None, 19800000000)
    """
    if name in _UTC:
        return None
    match = _OFFSET.fullmatch(name)
    if match is not None and int(match["hours"]) < 24 and int(match["minutes"]) < 60:
        offset = (int(match["hours"]) * 60 + int(match["minutes"])) * 60_000_000
        return Zone(name, -offset if match["sign"] == "-" else offset)
    if name not in _names():
        # OBSERVED(Druid 33): it takes UTC for a zone that it doesn't know.
        raise SqlNotSupported(f"the time zone {name!r} is not supported: it is not known, and Druid would use UTC")
    return Zone(name, None)
