# SPDX-License-Identifier: Apache-2.0
"""
The active fault rules of one emulator and the effects that they postponed. Performs no I/O.

A rule applies either to a request or to the job that a request creates. So one POST can lose its reply and also create
a job that the list doesn't show yet. Delayed effects are applied when the next request arrives.
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
    When a delayed effect is due: at a time or after a number of requests, whichever comes first.

    :param instant: Nanoseconds since the epoch.
    :param requests: Number of requests of the API; the effect is due once the count exceeds it.
    """

    instant: int | None
    requests: int | None

    def is_over(self, now: int, requests: int) -> bool:
        """Return whether the effect is due at an instant, in the handling of request number ``requests``."""
        return (self.instant is not None and now >= self.instant) or (
            self.requests is not None and requests > self.requests
        )


@dataclass(frozen=True)
class LateRequest:
    """A request without a reply that will still be executed."""

    scope: Scope
    body: bytes
    delay: Delay


class _Rule:
    """A fault and its counters."""

    def __init__(self, fault: Fault) -> None:
        try:
            self._pattern = re.compile(fault.path or "")
        except re.error as error:
            raise bad_request(f"field 'path' has the value {fault.path!r}: {error}.", "path") from None
        self.fault = fault
        self.struck = 0
        self._skipped = 0

    def applies_to(self, method: str, path: str) -> bool:
        """Return whether the rule applies to this request, and count the request."""
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
    The rules of one emulator, their postponed requests, and a count of all requests.

    The first matching rule that is not used up applies, so rules form a sequence. All methods are thread-safe.

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
        Add a rule; rules apply in the order in which they were added.

        :raises ApiError: 400 for a path that is not a regular expression.
        """
        rule = _Rule(fault)
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Remove all rules and all postponed requests, and show all jobs."""
        with self._lock:
            self._rules.clear()
            self._late.clear()
            self._hidden.clear()

    def values(self) -> list[dict[str, Any]]:
        """Return all rules, each with the number of times it was applied."""
        with self._lock:
            return [
                {**rule.fault.model_dump(by_alias=True, exclude_unset=True), "struck": rule.struck}
                for rule in self._rules
            ]

    def take_fault(self, method: str, path: str) -> Fault | None:
        """
        Count a request and return the rule that applies to it.

        :param method: HTTP method.
        :param path: Path without the query.
        :return: None if no rule applies.
        """
        with self._lock:
            self._count += 1
            self._requests[f"{method} {_route(path)}"] += 1
            rules = (rule for rule in self._rules if rule.fault.effect != "hide_job")
            return next((rule.fault for rule in rules if rule.applies_to(method, path)), None)

    def job_created(self, job_id: str) -> None:
        """
        Hide a new job if a rule applies.

        :param job_id: Its id.
        """
        with self._lock:
            rules = (rule for rule in self._rules if rule.fault.effect == "hide_job")
            fault = next((rule.fault for rule in rules if rule.applies_to("", "")), None)
            if fault is not None:
                self._hidden[job_id] = (self._delay(fault), fault.describe)

    def hides(self, job_id: str, *, describing: bool) -> bool:
        """
        Return whether a job is hidden from a reply.

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
        """Store a request for later execution."""
        with self._lock:
            self._late.append(LateRequest(scope, body, self._delay(fault)))

    def take_due(self) -> list[LateRequest]:
        """Remove and return, in order, the postponed requests that are due before the coming request."""
        with self._lock:
            now = self._clock()
            due: list[LateRequest] = []
            waiting: list[LateRequest] = []
            for late in self._late:
                (due if late.delay.is_over(now, self._count + 1) else waiting).append(late)
            self._late = waiting
            return due

    def waiting(self) -> int:
        """Return the number of postponed requests."""
        with self._lock:
            return len(self._late)

    def requests(self) -> dict[str, int]:
        """Return the number of requests by method and path, without ids."""
        with self._lock:
            return dict(self._requests)

    def _delay(self, fault: Fault) -> Delay:
        instant = None if fault.after_seconds is None else self._clock() + int(fault.after_seconds * NANOSECONDS)
        return Delay(instant, None if fault.after_requests is None else self._count + fault.after_requests)


def _route(path: str) -> str:
    """Return a path without ids and names."""
    pieces = path.split("/")
    if len(pieces) > 3:
        pieces[3] = "{projectId}"
    if len(pieces) > 5 and pieces[4] in ("jobs", "tables", "files"):
        pieces[5] = "{name}"
    if len(pieces) > 7 and pieces[4] == "query":
        pieces[7] = "{queryId}"
    return "/".join(pieces)
