# SPDX-License-Identifier: Apache-2.0
"""Count the free task slots of a cluster; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

#: Slots of a multi-stage query without ``maxNumTasks``: a controller and a worker.
#: Source: druid.apache.org/docs/latest/multi-stage-query/reference (``maxNumTasks``).
LEAST_SLOTS: Final = 2


def needed_slots(context: Mapping[str, Any]) -> int:
    """
    Return the slots that a job needs before it can make progress.

    :param context: Query context of the job.
    """
    most = context.get("maxNumTasks")
    return most if type(most) is int and most >= LEAST_SLOTS else LEAST_SLOTS


def free_slots(capacity: Mapping[str, Any], workers: Sequence[Any]) -> int | None:
    """
    Return the number of free slots; None if it is unknown, or if the cluster adds workers on demand.

    OBSERVED(Druid 27): the total has no ``usedClusterCapacity``, so the workers' numbers are added up.
    OBSERVED(Druid 33): it has.

    >>> free_slots({"currentClusterCapacity": 6}, [{"currCapacityUsed": 2}, {"currCapacityUsed": 3}])
    1

    :param capacity: Answer of ``totalWorkerCapacity``.
    :param workers: Answer of ``workers``; empty if the first answer is enough.
    """
    every, used = capacity.get("currentClusterCapacity"), capacity.get("usedClusterCapacity")
    scaled = capacity.get("maximumCapacityWithAutoScale")
    if type(every) is not int or (type(scaled) is int and scaled > every):
        return None
    if type(used) is not int:
        numbers = [worker.get("currCapacityUsed") for worker in workers if isinstance(worker, Mapping)]
        if not numbers or not all(type(number) is int for number in numbers):
            return None
        used = sum(number for number in numbers if number is not None)
    return max(0, every - used)


def workers_slots(workers: Sequence[Any]) -> int | None:
    """
    Return the number of free slots of all workers; None if the answer doesn't say it.

    >>> workers_slots([{"worker": {"capacity": 4}, "currCapacityUsed": 3}, {"worker": {"capacity": 2}}])
    >>> workers_slots([{"worker": {"capacity": 4}, "currCapacityUsed": 3}])
    1

    :param workers: Answer of ``workers``.
    """
    free = 0
    for each in workers:
        worker = each.get("worker") if isinstance(each, Mapping) else None
        every = worker.get("capacity") if isinstance(worker, Mapping) else None
        used = each.get("currCapacityUsed") if isinstance(each, Mapping) else None
        if type(every) is not int or type(used) is not int:
            return None
        free += max(0, every - used)
    return free if workers else None
