# SPDX-License-Identifier: Apache-2.0
"""
Jinja macros for handwritten job specs: ``{{ macros.polaris.interval(...) }}`` and five more.

Each macro takes and returns text, so macros can be nested, and their results can be used in a job's JSON, also with
``render_template_as_native_obj``. The code is in ``jobs``. Nothing here performs I/O or reads the clock.

An *instant* is a value of Airflow's context (``data_interval_start``, ``partition_date``, ``ds``) or ISO 8601 text. A
missing time zone means UTC. An *interval* is ISO 8601 text, or an
:class:`~airflow_provider_polaris.jobs.time.interval.Interval`. Results are in UTC with milliseconds and ``Z``, as
Polaris writes them. Intervals are half-open.

Airflow imports this module in every process that renders a template, so all other imports are deferred until use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from airflow_provider_polaris.jobs.time.interval import Interval


def interval(start: datetime | str, end: datetime | str) -> str:
    """
    Return the interval between two instants.

    .. code-block:: jinja

        {{ macros.polaris.interval(data_interval_start, data_interval_end) }}
        {{ macros.polaris.interval(partition_date, "P1D") }}

    >>> interval("2024-06-01", "2024-06-02 02:00:00+02:00")
    '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z'

    :param start: First instant, or an ISO 8601 period before ``end``.
    :param end: First instant after the interval, or an ISO 8601 period after ``start``.
    :raises PolarisSpecError: An argument is missing (None) or can't be parsed, or the interval is empty or reversed.
    """
    # As text, because the texts of None and of an undefined variable lead to errors that name them.
    return str(_read(f"{start}/{end}"))


def floor(instant: datetime | str, granularity: str) -> str:
    """
    Round an instant down to the start of its bucket in UTC.

    >>> floor("2024-06-06T12:34:56Z", "week")
    '2024-06-03T00:00:00.000Z'

    :param instant: Any instant.
    :param granularity: Polaris' word (``hour``, ``fifteen_minute``) or an ISO 8601 period (``PT1H``).
    :raises PolarisSpecError: An argument can't be parsed.
    """
    from airflow_provider_polaris.jobs.errors import PolarisSpecError
    from airflow_provider_polaris.jobs.time.granularity import Granularity
    from airflow_provider_polaris.jobs.time.instant import UnreadableInstantError, format_instant, parse_instant, quote

    try:
        parsed = parse_instant(f"{instant}")
    except UnreadableInstantError as error:
        raise PolarisSpecError(
            f"instant {quote(f'{instant}')} {error}. Pass data_interval_start or partition_date, for example; a run "
            "with neither needs a param."
        ) from None
    return format_instant(Granularity.parse(granularity).floor(parsed))


def within(start: datetime | str, end: datetime | str, column: str = '"__time"') -> str:
    """
    Return the SQL condition for an interval, for ``OVERWRITE WHERE`` and for ``WHERE`` in a statement.

    .. code-block:: jinja

        OVERWRITE WHERE {{ macros.polaris.within(data_interval_start, data_interval_end) }}
        WHERE {{ macros.polaris.within(data_interval_start, data_interval_end, 's."__time"') }}

    >>> print(within("2024-06-01", "P1D"))
    "__time" >= TIMESTAMP '2024-06-01 00:00:00' AND "__time" < TIMESTAMP '2024-06-02 00:00:00'

    :param start: First instant, or an ISO 8601 period before ``end``.
    :param end: First instant after the interval, or an ISO 8601 period after ``start``.
    :param column: The column as written in SQL. ``OVERWRITE WHERE`` takes only ``__time`` without a table.
    :raises PolarisSpecError: As :func:`interval`.
    """
    from airflow_provider_polaris.jobs.sql.time_filter import between

    return between(column, _read(f"{start}/{end}"))


def shift(interval: Interval | str, period: str | timedelta) -> str:
    """
    Move an interval by an ISO 8601 period. Months and years follow the calendar.

    >>> shift("2024-03-01/P1M", "-P1M")
    '2024-02-01T00:00:00.000Z/2024-03-01T00:00:00.000Z'

    :param interval: Any interval.
    :param period: ``P1D`` moves forward, ``-P1D`` back.
    :raises PolarisSpecError: An argument can't be parsed, or the result is outside the years 1 to 9999.
    """
    return str(_read(interval).shift(period))


def aged_window(interval: Interval | str, older_than: str, granularity: str) -> str:
    """
    Return the window that reaches an age in a run: both ends minus the age, rounded down to whole partitions.

    The windows of consecutive runs are adjacent and never overlap, so each partition is in exactly one window.

    >>> aged_window("2024-07-01/P1D", "P30D", "day")
    '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z'
    >>> aged_window("2024-07-02/P1D", "P1M", "month")
    ''

    :param interval: The interval of the run.
    :param older_than: ISO 8601 period, positive.
    :param granularity: Partitions of the table: Polaris' word (``day``) or an ISO 8601 period (``P1D``).
    :return: An interval; empty text if no partition reaches the age in this run. Empty text is false in ``{% if %}``,
        and job specs reject it.
    :raises PolarisSpecError: An argument can't be parsed, or the result is outside the years 1 to 9999.
    """
    from airflow_provider_polaris.jobs.age_out.window import aged_interval, read_age
    from airflow_provider_polaris.jobs.time.granularity import Granularity

    return str(aged_interval(_read(interval), read_age(older_than), Granularity.parse(granularity)) or "")


def split(interval: Interval | str, step: str | timedelta) -> list[str]:
    """
    Split an interval into consecutive parts that cover it exactly, in time order.

    .. code-block:: jinja

        {{ macros.polaris.split(macros.polaris.interval("2024", "P1Y"), "month") | tojson }}

    >>> split("2024-01-15/2024-03-01", "month")
    ['2024-01-15T00:00:00.000Z/2024-02-01T00:00:00.000Z', '2024-02-01T00:00:00.000Z/2024-03-01T00:00:00.000Z']

    :param interval: Any interval.
    :param step: Granularity at whose boundaries to split (``month``, ``PT1H``), or a timedelta for parts of this
        length.
    :return: At least one part.
    :raises PolarisSpecError: An argument can't be parsed, or the step is not positive.
    """
    from airflow_provider_polaris.jobs.time.granularity import Granularity

    pieces = _read(interval).split(Granularity.parse(step, field="step") if isinstance(step, str) else step)
    return [str(piece) for piece in pieces]


def _read(interval: Any) -> Interval:
    from airflow_provider_polaris.jobs.time.interval import Interval

    return interval if isinstance(interval, Interval) else Interval.parse(f"{interval}")
