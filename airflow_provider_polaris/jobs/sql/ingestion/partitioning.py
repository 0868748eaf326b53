# SPDX-License-Identifier: Apache-2.0
"""
Read ``PARTITIONED BY`` and ``CLUSTERED BY``; performs no I/O.

Source: druid.apache.org/docs/latest/multi-stage-query/reference (HOUR, DAY, MONTH, YEAR, ALL [TIME], TIME_FLOOR, FLOOR,
and a period as text in newer versions). OBSERVED(Druid 27): other periods than those of the granularities, other time
zones, and other words are refused; DESC after CLUSTERED BY, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.sql.ingestion.words import Word, refuse
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import quote

_WORDS: Final = {
    ("HOUR",): Granularity.HOUR,
    ("DAY",): Granularity.DAY,
    ("MONTH",): Granularity.MONTH,
    ("YEAR",): Granularity.YEAR,
    ("ALL",): Granularity.ALL,
    ("ALL", "TIME"): Granularity.ALL,
}
_UNITS: Final = ("SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
_FIX: Final = (
    "Write PARTITIONED BY DAY, for example; HOUR, MONTH, YEAR, ALL and TIME_FLOOR(\"__time\", 'PT15M') also work."
)


def partition_granularity(statement: str, words: Sequence[Word]) -> Granularity:
    """
    Return the granularity of the partitions.

    :param statement: The whole statement, for the error message.
    :param words: The words after ``PARTITIONED BY``.
    :raises PolarisSpecError: Druid has no such granularity, or it can't be read for sure.
    """
    plain = tuple(word.text.upper() for word in words if word.kind == "word")
    if len(plain) == len(words) and plain in _WORDS:
        return _WORDS[plain]
    period = _period(words)
    found = _granularity(period)
    if found is None or found is Granularity.MILLISECOND:
        shown = " ".join(word.text for word in words)
        at = words[0].start if words else len(statement)
        refuse(statement, at, f"has PARTITIONED BY {quote(shown)}, which is not a granularity of Druid", _FIX)
    return found


def clustering_columns(statement: str, words: Sequence[Word]) -> tuple[str, ...]:
    """
    Return the parts of ``CLUSTERED BY``: names without quotes, numbers of columns, and expressions as written.

    :param statement: The whole statement.
    :param words: The words after ``CLUSTERED BY``; empty without it.
    :raises PolarisSpecError: A part is empty or in descending order.
    """
    found = []
    for part in _split(words):
        if part and part[-1].is_keyword("ASC"):
            part = part[:-1]
        if not part:
            at = words[0].start
            refuse(statement, at, "has an empty part in CLUSTERED BY", "Write names or numbers of columns.")
        if part[-1].is_keyword("DESC"):
            refuse(statement, part[-1].start, "clusters in descending order, which Druid refuses", "Remove DESC.")
        found.append(part[0].value if len(part) == 1 else statement[part[0].start : part[-1].end])
    return tuple(found)


def _period(words: Sequence[Word]) -> str:
    """Return the period or unit of a function, or of a text; empty if there is none."""
    if len(words) == 1 and words[0].kind == "text" and words[0].value[:1] in ("P", "p"):
        return words[0].value
    if len(words) != 6 or [words[1].text, words[5].text] != ["(", ")"] or words[2].value != "__time":
        return ""
    if words[2].kind not in ("word", "name"):
        return ""
    if words[0].is_keyword("FLOOR") and words[3].is_keyword("TO") and words[4].is_keyword(*_UNITS):
        return words[4].text
    if words[0].is_keyword("TIME_FLOOR") and words[3].text == "," and words[4].kind == "text":
        return words[4].value if words[4].value[:1] in ("P", "p") else ""
    return ""


def _granularity(period: str) -> Granularity | None:
    if not period or period.lower() == Granularity.ALL.value:
        return None
    try:
        return Granularity.parse(period.upper())
    except PolarisSpecError:
        return None


def _split(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    if not words:
        return
    start = 0
    for index, word in enumerate(words):
        if word.depth == 0 and word.text == ",":
            yield words[start:index]
            start = index + 1
    yield words[start:]
