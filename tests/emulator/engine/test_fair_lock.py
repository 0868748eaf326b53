# SPDX-License-Identifier: Apache-2.0
"""The lock of the database: reentrant, with a limited wait, and fair."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_polaris.emulator.engine.fair_lock import FairLock

GUARD = 120
"""Seconds after which a test that hangs fails."""


@pytest.fixture
def other():
    """Another thread."""
    with ThreadPoolExecutor(1) as thread:
        yield thread


def test_thread_takes_the_lock_twice_and_releases_it_twice(other) -> None:
    """It is free for others after the second release."""
    lock = FairLock()
    with lock:
        with lock:
            assert other.submit(lock.acquire, 0).result(GUARD) is False
        assert other.submit(lock.acquire, 0).result(GUARD) is False
    assert other.submit(lock.acquire, 0).result(GUARD) is True


def test_wait_is_limited_also_behind_another_waiting_thread(other) -> None:
    """The lock can be taken afterwards."""
    lock = FairLock()
    with lock:
        lock._next.acquire()  # as a thread does that waits for the lock
        assert other.submit(lock.acquire, 0).result(GUARD) is False
        lock._next.release()
        assert other.submit(lock.acquire, 0).result(GUARD) is False
    assert other.submit(lock.acquire, 0).result(GUARD) is True


def test_thread_that_takes_the_lock_again_lets_a_waiting_thread_go_first(other) -> None:
    """Otherwise a thread that runs one job after the other keeps requests waiting."""
    lock, order, is_waiting = FairLock(), [], threading.Event()

    class Announced:
        """A lock that reports that it has been taken."""

        def __init__(self) -> None:
            self.lock = threading.Lock()

        def acquire(self, **options) -> bool:
            taken = self.lock.acquire(**options)
            is_waiting.set()
            return taken

        def release(self) -> None:
            self.lock.release()

    def take() -> None:
        with lock:
            order.append("waiting thread")

    with lock:
        lock._next = Announced()
        done = other.submit(take)
        assert is_waiting.wait(GUARD)
    with lock:
        order.append("same thread")
    done.result(GUARD)
    assert order == ["waiting thread", "same thread"]
