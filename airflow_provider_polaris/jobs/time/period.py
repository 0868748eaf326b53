# SPDX-License-Identifier: Apache-2.0
"""ISO 8601 periods (``P1M``, ``PT15M``) as calendar arithmetic in UTC; performs no I/O."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.instant import quote

_PERIOD: Final = re.compile(
    r"""
    (?P<sign>[+-])?P(?=\d|T\d)
    (?:(?P<years>\d{1,9})Y)?(?:(?P<months>\d{1,9})M)?(?:(?P<weeks>\d{1,9})W)?(?:(?P<days>\d{1,9})D)?
    (?:T(?=\d)(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9})(?:[.,](?P<fraction>\d{1,9}))?S)?)?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class Period:
    """
    A calendar period: whole months, whole weeks and an exact rest, each with the period's sign.

    Months are added first, then weeks and the rest: the largest unit first, as in Druid. A day that the month does not
    have becomes the month's last day.

    :param months: Years and months together; a month has no fixed length.
    :param weeks: Stored apart from days, because a week starts on Monday and seven days start on any day.
    :param exact: Days, hours, minutes and seconds; a day in UTC is always 24 hours.
    """

    months: int = 0
    weeks: int = 0
    exact: timedelta = timedelta()

    @classmethod
    def parse(cls, text: str) -> Period:
        """
        Read an ISO 8601 period, with a leading minus for a step back.

        >>> Period.parse("P1Y2M")
        Period(months=14, weeks=0, exact=datetime.timedelta(0))

        :raises PolarisSpecError: The text is no period.
        """
        match = _PERIOD.fullmatch(text.strip()) if isinstance(text, str) else None
        if match is None:
            raise PolarisSpecError(
                f"period {quote(text)} is not an ISO 8601 period. "
                "Write one such as 'PT1H', 'P1D', 'P1W', 'P1M' or 'P1Y'."
            )
        amount = {
            name: int(match[name] or 0) for name in ("years", "months", "weeks", "days", "hours", "minutes", "seconds")
        }
        micros = int((match["fraction"] or "").ljust(6, "0")[:6])
        sign = -1 if match["sign"] == "-" else 1
        try:
            exact = timedelta(
                days=amount["days"],
                hours=amount["hours"],
                minutes=amount["minutes"],
                seconds=amount["seconds"],
                microseconds=micros,
            )
        except OverflowError:
            raise PolarisSpecError(f"period {quote(text)} is longer than all of time (years 1 to 9999).") from None
        return cls((amount["years"] * 12 + amount["months"]) * sign, amount["weeks"] * sign, exact * sign)

    def __neg__(self) -> Period:
        return Period(-self.months, -self.weeks, -self.exact)

    def add_to(self, instant: datetime) -> datetime:
        """
        Return ``instant`` moved by this period.

        >>> Period.parse("P1M").add_to(datetime(2024, 1, 31)).isoformat()
        '2024-02-29T00:00:00'

        :raises OverflowError: The result is not in the years 1 to 9999.
        """
        return add_months(instant, self.months) + timedelta(weeks=self.weeks) + self.exact


def add_months(instant: datetime, months: int) -> datetime:
    """
    Move an instant by calendar months; a day that the month does not have becomes the month's last day.

    :raises OverflowError: The result is not in the years 1 to 9999.
    """
    year, month = divmod(instant.year * 12 + instant.month - 1 + months, 12)
    if not MINYEAR <= year <= MAXYEAR:
        raise OverflowError(f"year {year} is out of range")
    return instant.replace(year=year, month=month + 1, day=min(instant.day, monthrange(year, month + 1)[1]))
