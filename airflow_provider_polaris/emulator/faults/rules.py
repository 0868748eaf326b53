"""
The faults of one emulator that are set, and what they left for later; performs no I/O.

A rule strikes either a request, or the job that a request creates, so one POST can lose its reply and make a job that
the list does not show yet. Nothing happens behind anybody's back: what is due later happens when somebody asks.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

from airflow_provider_polaris.emulator.faults.fault import Fault
from airflow_provider_polaris.emulator.wire.errors import bad_request
from airflow_provider_polaris.emulator.wire.identifiers import NANOSECONDS, Clock


@dataclass(frozen=True)
class Delay:
    """
    When something later is due, by the clock or by the requests, whichever comes first.

    :param instant: Nanoseconds since the epoch.
    :param requests: Number of requests of the API; it is due once there were more.
    """

    instant: int | None
    requests: int | None

    def is_over(self, now: int, requests: int) -> bool:
        """Return whether it is due at an instant, in the handling of request number ``requests``."""
        return (self.instant is not None and now >= self.instant) or (
            self.requests is not None and requests > self.requests
        )


@dataclass(frozen=True)
class LateRequest:
    """A request that the client has lost, and that will be carried out all the same."""

    scope: Scope
    body: bytes
    delay: Delay


class _Rule:
    """A fault and how often it had its turn."""

    def __init__(self, fault: Fault) -> None:
        try:
            self._pattern = re.compile(fault.path or "")
        except re.error as error:
            raise bad_request(f"field 'path' has the value {fault.path!r}: {error}.", "path") from None
        self.fault = fault
        self.struck = 0
        self._skipped = 0

    def strikes(self, method: str, path: str) -> bool:
        """Return whether it strikes this request, and count it."""
        fault = self.fault
        if fault.method not in (None, method) or not self._pattern.search(path):
            return False
        if self._skipped < fault.skip:
            self._skipped += 1
            return False
        if fault.times is not None and self.struck >= fault.times:
            return False
        self.struck += 1
        return True


class Faults:
    """
    The rules of one emulator, what they left for later, and a count of its requests.

    Of several rules that fit a request the first that is not used up strikes, so rules make a sequence. Any thread
    may call any method.

    :param clock: Nanoseconds since the epoch.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []
        self._late: list[LateRequest] = []
        self._hidden: dict[str, tuple[Delay, bool]] = {}
        self._requests: Counter[str] = Counter()
        self._count = 0

    def add(self, fault: Fault) -> None:
        """
        Add a rule; rules strike in the order in which they were added.

        :raises ApiError: 400 for a path that is no regular expression.
        """
        rule = _Rule(fault)
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Forget all rules, forget requests that were to be carried out later, and show all jobs."""
        with self._lock:
            self._rules.clear()
            self._late.clear()
            self._hidden.clear()

    def values(self) -> list[dict[str, Any]]:
        """Return all rules as they were set, each with how often it struck."""
        with self._lock:
            return [
                {**rule.fault.model_dump(by_alias=True, exclude_unset=True), "struck": rule.struck}
                for rule in self._rules
            ]

    def strike(self, method: str, path: str) -> Fault | None:
        """
        Count a request and return the rule that strikes it.

        :param method: HTTP method.
        :param path: Path without the query.
        :return: None if no rule does.
        """
        with self._lock:
            self._count += 1
            self._requests[f"{method} {_route(path)}"] += 1
            rules = (rule for rule in self._rules if rule.fault.effect != "hide_job")
            return next((rule.fault for rule in rules if rule.strikes(method, path)), None)

    def job_created(self, job_id: str) -> None:
        """
        Hide a new job if a rule says so.

        :param job_id: Its id.
        """
        with self._lock:
            rules = (rule for rule in self._rules if rule.fault.effect == "hide_job")
            fault = next((rule.fault for rule in rules if rule.strikes("", "")), None)
            if fault is not None:
                self._hidden[job_id] = (self._delay(fault), fault.describe)

    def hides(self, job_id: str, *, describing: bool) -> bool:
        """
        Return whether a reply must not show a job.

        :param job_id: Its id.
        :param describing: Whether the reply is about this job, rather than the list.
        """
        with self._lock:
            if job_id not in self._hidden:
                return False
            delay, describe = self._hidden[job_id]
            if delay.is_over(self._clock(), self._count):
                del self._hidden[job_id]
                return False
            return not (describing and describe)

    def postpone(self, scope: Scope, body: bytes, fault: Fault) -> None:
        """Keep a request for later."""
        with self._lock:
            self._late.append(LateRequest(scope, body, self._delay(fault)))

    def take_due(self) -> list[LateRequest]:
        """Return the postponed requests that are due before the coming request, in their order; each one once."""
        with self._lock:
            now = self._clock()
            due: list[LateRequest] = []
            waiting: list[LateRequest] = []
            for late in self._late:
                (due if late.delay.is_over(now, self._count + 1) else waiting).append(late)
            self._late = waiting
            return due

    def waiting(self) -> int:
        """Return how many requests are still to be carried out."""
        with self._lock:
            return len(self._late)

    def requests(self) -> dict[str, int]:
        """Return how often each method and path was asked, ids left out."""
        with self._lock:
            return dict(self._requests)

    def _delay(self, fault: Fault) -> Delay:
        instant = None if fault.after_seconds is None else self._clock() + int(fault.after_seconds * NANOSECONDS)
        return Delay(instant, None if fault.after_requests is None else self._count + fault.after_requests)


def _route(path: str) -> str:
    """Return a path without the parts that name one thing."""
    pieces = path.split("/")
    if len(pieces) > 3:
        pieces[3] = "{projectId}"
    if len(pieces) > 5 and pieces[4] in ("jobs", "tables", "files"):
        pieces[5] = "{name}"
    if len(pieces) > 7 and pieces[4] == "query":
        pieces[7] = "{queryId}"
    return "/".join(pieces)
