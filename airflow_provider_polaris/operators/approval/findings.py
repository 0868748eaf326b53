# SPDX-License-Identifier: Apache-2.0
"""What guards found and a person has to approve; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from airflow_provider_polaris.jobs.time.interval import Interval


@dataclass(frozen=True)
class Finding:
    """
    One finding of a guard whose argument is ``ask``.

    :param argument: The argument.
    :param sentence: What was found, as in the error of the guard.
    :param where: Intervals by the kind of the loss, in ISO 8601.
    :param numbers: Sizes of the loss by their names. A larger number is worse.
    """

    argument: str
    sentence: str
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)

    def covers(self, other: Finding) -> bool:
        """Whether a later finding is of the same guard and not worse."""
        return (
            self.argument == other.argument
            and all(number <= self.numbers.get(name, 0) for name, number in other.numbers.items())
            and all(_contains(self.where.get(kind, ()), intervals) for kind, intervals in other.where.items())
        )

    def to_json(self) -> dict[str, Any]:
        """Return all fields by name, as plain JSON."""
        return {**asdict(self), "where": {kind: list(intervals) for kind, intervals in self.where.items()}}


class NeedsApproval(Exception):  # noqa: N818
    """
    Raised when the job may be submitted only if a person approves.

    :param findings: All findings of the guards.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("a person has to approve the job")
        self.findings = tuple(findings)


def check_approved(findings: Sequence[Finding], approved: Mapping[str, Any] | None) -> None:
    """
    Do nothing if a person has approved all findings of the guards.

    :param findings: What the guards found now.
    :param approved: ``findings`` that were approved in this try, and ``by`` whom; None if nobody was asked.
    :raises NeedsApproval: Nobody was asked yet.
    :raises PolarisGuardError: The guards found more than was approved.
    """
    if not findings:
        return
    if approved is None:
        raise NeedsApproval(findings)
    before = [Finding(**one) for one in approved["findings"]]
    more = [one for one in findings if not any(each.covers(one) for each in before)]
    if more:
        sentences = " ".join(one.sentence for one in more)
        raise PolarisGuardError(
            f"the checks after the answer found more than {approved['by']} approved: {sentences} Nothing was "
            f"submitted. {ask_elsewhere([one.argument for one in more])}"
        )


def ask_elsewhere(arguments: Sequence[str]) -> str:
    """
    Return a sentence on what to do if a task instance can't ask its question.

    :param arguments: The guards that ask.
    """
    values = " and ".join(f"{name}='submit'" for name in dict.fromkeys(arguments))
    return (
        "Airflow keeps one question for a task instance and never changes its text. Start a new DAG run for this "
        f"interval, which asks again, or run the task with {values}."
    )


def _contains(intervals: Sequence[str], others: Sequence[str]) -> bool:
    outer = [Interval.parse(one) for one in intervals]
    return all(any(one.contains(Interval.parse(other)) for one in outer) for other in others)
