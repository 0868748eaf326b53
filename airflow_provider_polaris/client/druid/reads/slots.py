# SPDX-License-Identifier: Apache-2.0
"""Claim task slots for queries and jobs, before they are submitted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

from airflow_provider_polaris.client.druid import endpoints
from airflow_provider_polaris.client.druid.reads.cluster import ClusterApi
from airflow_provider_polaris.client.druid.translation.slots import LEAST_SLOTS, needed_slots
from airflow_provider_polaris.client.druid.translation.task_ids import random_marker
from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisAuthError,
    PolarisForeignAnswerError,
    PolarisThrottledError,
)

log = logging.getLogger("airflow_provider_polaris.client")

#: Seconds for which an answer is used, as the guards use the descriptions of tables and the list of jobs.
FRESH_SECONDS: Final = 10.0


class UnclaimedSlots:
    """
    The free task slots of a cluster, less those of queries and jobs that were just started.

    A query or a job that was accepted holds no slot yet: its task waits until the overlord assigns it. So what was
    claimed in the last seconds before a look, or after it, is subtracted, unless it is known to have ended. Otherwise
    two queries that start at once would both be promised the same slots, and wait for each other.

    :param clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._looked_at: float | None = None
        self._free: int | None = None
        self._claims: dict[str, tuple[int, float]] = {}

    def look(self, request: Callable[[int], int | None]) -> None:
        """
        Look now, for the starts of the next seconds.

        :param request: Takes the number of slots that are enough, and requests that of the free ones; None if unknown.
        """
        with self._lock:
            self._look(request, LEAST_SLOTS)

    def claim(self, key: str, needed: int, request: Callable[[int], int | None]) -> int | None:
        """
        Claim slots for a start. The last look is used again if it is recent and left enough.

        :param key: Stands for the start in :meth:`release`.
        :param needed: Number of slots.
        :param request: As in :meth:`look`.
        :return: None, or the number of free slots if these are too few; then nothing is claimed.
        """
        with self._lock:
            is_recent = self._looked_at is not None and self._clock() - self._looked_at <= FRESH_SECONDS
            left = self._left() if is_recent else None
            if not is_recent or (left is not None and left < needed):
                self._look(request, needed)
                left = self._left()
            if left is not None and left < needed:
                return left
            self._claims[key] = needed, self._clock()
            return None

    def rename(self, key: str, new: str) -> None:
        """Let another key stand for a start."""
        with self._lock:
            if claim := self._claims.pop(key, None):
                self._claims[new] = claim

    def release(self, key: str) -> None:
        """Give back what a start has claimed, because it failed or has ended."""
        with self._lock:
            self._claims.pop(key, None)

    def _look(self, request: Callable[[int], int | None], needed: int) -> None:
        self._looked_at = None
        begin = self._clock()
        self._free = request(needed + self._claimed(begin))
        self._looked_at = begin

    def _left(self) -> int | None:
        if self._free is None or self._looked_at is None:
            return None
        return max(0, self._free - self._claimed(self._looked_at))

    def _claimed(self, looked_at: float) -> int:
        """Return the slots that a look at some time doesn't show as used."""
        since = looked_at - FRESH_SECONDS
        self._claims = {key: claim for key, claim in self._claims.items() if claim[1] >= since}
        return sum(slots for slots, _ in self._claims.values())


class SlotClaims:
    """
    Looks at the slots, and claims them.

    :param cluster: Counts the slots.
    :param slots: Remembers the last look, for all clients of a task.
    """

    def __init__(self, cluster: ClusterApi, slots: UnclaimedSlots) -> None:
        self._cluster = cluster
        self._slots = slots

    def look(self) -> None:
        """Look at the task slots now, for a submission in the next seconds."""
        self._slots.look(self._free_slots)

    @contextmanager
    def claimed(self, context: Mapping[str, Any]) -> Iterator[str]:
        """
        Claim the task slots of a job, or of an asynchronous query, while it is submitted in this block.

        OBSERVED(Druid 27): a controller keeps its slot while it waits for its workers' slots, so nine jobs blocked each
        other on six slots. Between the look at the slots and the start of the job others may take them.

        :param context: Query context of the job.
        :return: The key of the claim. It is released if the block raises an error that leaves no doubt.
        :raises PolarisThrottledError: Fewer slots are free than the job needs.
        """
        needed, claim = needed_slots(context), random_marker()
        free = self._slots.claim(claim, needed, self._free_slots)
        if free is not None:
            raise PolarisThrottledError(
                f"Druid has {free} free task {'slot' if free == 1 else 'slots'}, and the job needs {needed}, so it was "
                "not submitted: jobs that wait for each other's slots block the cluster. Limit the number of jobs at a "
                "time with an Airflow pool, or add workers.",
                status=429,
                code="TooFewTaskSlots",
                method="POST",
                path=endpoints.path_of(endpoints.SUBMIT_TASK),
            )
        try:
            yield claim
        except PolarisAmbiguousSubmitError:
            raise
        except BaseException:
            self._slots.release(claim)
            raise

    def _free_slots(self, needed: int) -> int | None:
        try:
            return self._cluster.free_slots(needed)
        except (PolarisAuthError, PolarisForeignAnswerError) as error:
            log.debug("The free task slots are unknown: %s", error)
            return None
