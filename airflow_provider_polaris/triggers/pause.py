"""The pause between two ticks on the event loop; a bell ends it early."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from airflow_provider_polaris.triggers.plan import Cadence


async def pause(cadence: Cadence, bell: asyncio.Event, shortest: Callable[[], float]) -> float:
    """
    Return when the next tick is due.

    :param cadence: Says when.
    :param bell: Rung when somebody has come or gone, so that the interval is looked at again.
    :param shortest: Returns the interval of the most impatient waiter, in seconds.
    :return: Seconds from this tick to the one after it.
    """
    loop = asyncio.get_running_loop()
    while True:
        bell.clear()
        interval = shortest()
        seconds = cadence.next(loop.time(), interval) - loop.time()
        if seconds <= 0:
            return cadence.pace(interval)
        timer = loop.call_later(seconds, bell.set)
        await bell.wait()
        timer.cancel()
