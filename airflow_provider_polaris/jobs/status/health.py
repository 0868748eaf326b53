# SPDX-License-Identifier: Apache-2.0
"""
Parse a job's health and log entries; performs no I/O.

Health words are stored as text, not as an enum, because Polaris may add some.
Source: polaris-sdk 20250425.14.0 (fields, words, codes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

#: Health code of a job whose source has no rows.
NO_ROWS_FOUND: Final = "no_rows_found"


@dataclass(frozen=True)
class LogEntry:
    """
    One entry of a job's log.

    :param timestamp: As Polaris wrote it; None if it has none.
    :param health_status: ``ok``, ``warn``, ``error``, or whatever Polaris wrote.
    :param code: Free text of Polaris, such as ``query_not_supported``.
    :param message: Polaris' text.
    """

    timestamp: str | None = None
    health_status: str | None = None
    code: str | None = None
    message: str | None = None

    @classmethod
    def from_wire(cls, entry: Mapping[str, Any]) -> LogEntry:
        """Parse one entry of ``health.log`` or of the logs endpoint; missing fields are None."""
        health_status = text_or_none(entry.get("healthStatus"))
        return cls(
            timestamp=text_or_none(entry.get("timestamp")),
            health_status=_normalize_health(health_status) if health_status else None,
            code=text_or_none(entry.get("code")),
            message=text_or_none(entry.get("message")),
        )

    def __str__(self) -> str:
        """
        Return the entry as one line for a task log, line breaks escaped.

        >>> str(LogEntry("2024-06-01T00:00:00Z", "error", "row_too_large", "Row of 2 MB"))
        "2024-06-01T00:00:00Z error row_too_large: 'Row of 2 MB'"
        """
        head = " ".join(part for part in (self.timestamp, self.health_status, self.code) if part)
        return f"{head or 'no code'}: {self.message!r}"


@dataclass(frozen=True)
class Health:
    """
    Health of a job, as the service reports it.

    :param status: ``ok``, ``warn`` or ``error``; any other word is kept unchanged. ``warning`` is read as ``warn``,
        because the vendor's schema and its service differ.
    :param code: Machine-readable reason; None with ``ok``.
    :param message: Polaris' text; only with ``error``, and even then it may be missing.
    :param log: Log entries in the same answer.
    """

    status: str
    code: str | None = None
    message: str | None = None
    log: tuple[LogEntry, ...] = ()

    @classmethod
    def from_wire(cls, health: Mapping[str, Any] | str) -> Health:
        """Parse ``health``; a missing status means ``error`` if there is a code, otherwise ``ok``."""
        if isinstance(health, str):
            return cls(_normalize_health(health))
        code = text_or_none(health.get("code"))
        status = text_or_none(health.get("status")) or ("error" if code else "ok")
        return cls(_normalize_health(status), code, text_or_none(health.get("message")), parse_log(health.get("log")))

    @property
    def is_error(self) -> bool:
        """Whether the health is ``error``."""
        return self.status == "error"

    @property
    def is_ok(self) -> bool:
        """Whether the health is ``ok``; False for a word that this package does not support."""
        return self.status == "ok"

    @property
    def codes(self) -> frozenset[str]:
        """The code and the codes of the log entries; with the code ``multiple`` only the log lists the real codes."""
        return frozenset(code for code in (self.code, *(entry.code for entry in self.log)) if code)


def parse_log(entries: object) -> tuple[LogEntry, ...]:
    """Parse a JSON array of log entries. Any other value is an empty log; items that are not objects are skipped."""
    found = entries if isinstance(entries, list | tuple) else ()
    return tuple(LogEntry.from_wire(entry) for entry in found if isinstance(entry, Mapping))


def _normalize_health(status: str) -> str:
    lower = status.strip().lower()
    if lower == "warning":
        return "warn"
    return lower if lower in ("ok", "warn", "error") else status.strip()


def text_or_none(value: Any) -> str | None:
    """Return a field of a JSON object as text; None for null and the empty string."""
    return None if value is None or value == "" else str(value)
