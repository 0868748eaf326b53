"""
Readings of what the vendor's documents leave open, each a switch: tests can run under every one; performs no I/O.

All of it is GUESS, the defaults included: nobody outside the vendor could check which reading is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args, get_type_hints


class AssumptionError(ValueError):
    """No such assumption, or no such reading of it; the message names all that there are."""

    def __init__(self, text: str, key: str) -> None:
        known = ", ".join(f"{name}={'|'.join(values)}" for name, values in ASSUMPTIONS.items())
        super().__init__(f"assumption {text!r} is not known; these are: {known}.")
        self.key = key


@dataclass(frozen=True, slots=True)
class Assumptions:
    """
    One reading of every open question; the default comes first.

    :param unknown_context: A key of ``context`` that Druid's reference doesn't list is accepted and echoed, refused
        with a 400, or accepted and dropped, so that no echo has it.
    :param empty_replace: A replace without rows wipes what it replaces and completes with a warning, keeps it and
        completes with a warning, or fails with ``no_rows_ingested``.
    :param partial_segment: A replace of a part of a coarser segment takes the whole segment, or the part only.
    :param existing_count: Into an aggregate table that exists, ``COUNT(*)`` as ``__count`` is added where the table
        declares the column, never, or always.
    :param source_snapshot: A job reads its source as it is when the job ends, or as it was when it was posted.
    :param summary_intervals: The list of jobs shows ``target.intervals``, or hides them.
    :param busy_source: A deletion of what a job reads is refused with a 400, fails, or waits until nobody reads it.
    :param overlapping_jobs: A job that rewrites what an older one is about to rewrite waits for it, fails, or runs.
    :param restore_overlap: A restore fails where the table has data, or is refused with a 400.
    :param empty_restore: A restore that finds nothing completes with a warning, or fails with ``no_rows_ingested``.
    :param permanent_delete: A permanent deletion reaches softly deleted data in its intervals, or live data only.
    :param realtime_async: Asynchronous SQL doesn't see real-time rows, or sees them.
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
        Read ``KEY=VALUE`` texts; of two with one key the last counts.

        :param texts: What the command line says.
        :return: The defaults, changed.
        :raises AssumptionError: A text is not one of them.
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
        :param text: What the error shows; None shows ``KEY=VALUE``.
        :raises AssumptionError: A key or its value is not known; none is changed then.
        """
        for key, value in changes.items():
            if value not in ASSUMPTIONS.get(key, ()):
                raise AssumptionError(f"{key}={value}" if text is None else text, key)
        return replace(self, **changes)

    def as_dict(self) -> dict[str, str]:
        """Return all values by their keys."""
        return {key: getattr(self, key) for key in ASSUMPTIONS}

    def __str__(self) -> str:
        """Those that differ from the defaults, as the command line takes them; empty if none does."""
        defaults = Assumptions()
        differing = (key for key in ASSUMPTIONS if getattr(self, key) != getattr(defaults, key))
        return " ".join(f"{key}={getattr(self, key)}" for key in differing)


#: Every assumption with its values, the default first.
ASSUMPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    name: get_args(hint) for name, hint in get_type_hints(Assumptions).items()
}
