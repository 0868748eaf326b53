# SPDX-License-Identifier: Apache-2.0
"""
Switches for behavior that the vendor's documents leave open; tests can run with every value. Performs no I/O.

The default is what the vendor's pages state, otherwise what a real Druid was seen to do, otherwise a GUESS: only the
vendor can check it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args, get_type_hints


class AssumptionError(ValueError):
    """Raised for an unknown assumption or value; the message lists the known ones."""

    def __init__(self, text: str, key: str) -> None:
        known = ", ".join(f"{name}={'|'.join(values)}" for name, values in ASSUMPTIONS.items())
        super().__init__(f"assumption {text!r} is unknown. The known ones are: {known}.")
        self.key = key


@dataclass(frozen=True, slots=True)
class Assumptions:
    """
    One value for every open question; the default comes first.

    :param unknown_context: A key of ``context`` that Druid's reference doesn't list is accepted and echoed, rejected
        with a 400, or accepted and dropped, so that no echo has it. OBSERVED(Druid 27): accepted and kept.
    :param empty_replace: A replace without rows deletes what it replaces and completes with a warning, keeps it and
        completes with a warning, or fails with ``no_rows_ingested``. DOCUMENTED
        https://druid.apache.org/docs/latest/multi-stage-query/reference: deletes. OBSERVED(Druid 27), which is older:
        fails, but deletes if it is partitioned by ALL.
    :param partial_segment: A replace of a part of a coarser segment replaces the whole segment, or only the part.
        DOCUMENTED https://docs.imply.io/polaris/api-replace-data: the whole. OBSERVED(Druid 27), which refuses nothing
        here: only the part.
    :param existing_count: For an existing aggregate table, ``COUNT(*)`` as ``__count`` is added if the table declares
        the column, never, or always.
    :param source_snapshot: A job reads its source as it is when the job ends, or as it was at the POST.
    :param summary_intervals: The list of jobs shows ``target.intervals``, or hides them.
    :param busy_source: A deletion of data that a job reads is rejected with a 400, fails, or waits until no job reads
        the data.
    :param overlapping_jobs: A job that rewrites the same data as an older active job waits for it, fails, or runs.
        OBSERVED(Druid 27): waits.
    :param restore_overlap: A restore into an interval with data fails, or is rejected with a 400.
    :param empty_restore: A restore without matching segments completes with a warning, or fails with
        ``no_rows_ingested``.
    :param permanent_delete: A permanent deletion also removes softly deleted data in its intervals, or only live data.
    :param realtime_async: Asynchronous SQL ignores real-time rows, or reads them.
    """

    unknown_context: Literal["accept", "refuse", "drop"] = "accept"
    empty_replace: Literal["wipe", "keep", "fail"] = "wipe"
    partial_segment: Literal["whole", "part"] = "whole"
    existing_count: Literal["declared", "never", "always"] = "declared"
    source_snapshot: Literal["end", "post"] = "end"
    summary_intervals: Literal["show", "hide"] = "show"
    busy_source: Literal["refuse", "fail", "wait"] = "refuse"
    overlapping_jobs: Literal["wait", "fail", "free"] = "wait"
    restore_overlap: Literal["fail", "refuse"] = "fail"
    empty_restore: Literal["warn", "fail"] = "warn"
    permanent_delete: Literal["all", "live"] = "all"
    realtime_async: Literal["hide", "show"] = "hide"

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Assumptions:
        """
        Parse ``KEY=VALUE`` texts; if a key occurs twice, the last value applies.

        :param texts: Arguments of the command line.
        :return: The defaults with these changes.
        :raises AssumptionError: A text is not a known assumption.
        """
        changed = cls()
        for text in texts:
            key, _, value = text.partition("=")
            changed = changed.changed({key: value}, text)
        return changed

    def changed(self, changes: Mapping[str, Any], text: str | None = None) -> Assumptions:
        """
        Return these assumptions with some of them changed.

        :param changes: Values by key.
        :param text: Text for the error message; None uses ``KEY=VALUE``.
        :raises AssumptionError: A key or its value is unknown; nothing is changed.
        """
        for key, value in changes.items():
            if value not in ASSUMPTIONS.get(key, ()):
                raise AssumptionError(f"{key}={value}" if text is None else text, key)
        return replace(self, **changes)

    def as_dict(self) -> dict[str, str]:
        """Return all values by key."""
        return {key: getattr(self, key) for key in ASSUMPTIONS}

    def __str__(self) -> str:
        """Return the values that differ from the defaults, in the form of the command line; empty if none differ."""
        defaults = Assumptions()
        differing = (key for key in ASSUMPTIONS if getattr(self, key) != getattr(defaults, key))
        return " ".join(f"{key}={getattr(self, key)}" for key in differing)


#: Every assumption with its values, the default first.
ASSUMPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    name: get_args(hint) for name, hint in get_type_hints(Assumptions).items()
}
