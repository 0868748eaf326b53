# SPDX-License-Identifier: Apache-2.0
"""The shared reads of a task: once, together, and again after a wait."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.client.joint_reads import SeparateReads
from airflow_provider_polaris.hooks.task_reads import TaskReads
from airflow_provider_polaris.jobs.errors import PolarisNotFoundError, PolarisServerError
from tests.operators.conftest import FakeClock

NOT_FOUND = PolarisNotFoundError("no such table", status=404)
AWAY = PolarisServerError("away", status=503)


class Service(SeparateReads):
    """A hook and its client, with two tables and an active job."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.tables: dict[str, Any] = {name: {"name": name, "type": "detail"} for name in ("a", "b")}
        self.jobs: list[Any] = [{"id": "j1"}]

    def ask_together(self, requests: Any, check_alive: Any) -> Any:
        from airflow_provider_polaris.hooks.parallel import ParallelClients

        return ParallelClients(lambda: self, lambda: self).ask(requests, check_alive)  # type: ignore[arg-type,return-value]

    def get_client(self) -> Any:
        return self

    def get_table(self, name: str) -> Any:
        self.asked.append(name)
        found = self.tables.get(name, NOT_FOUND)
        if isinstance(found, Exception):
            raise found
        return found

    def iter_jobs(self, **filters: Any) -> Any:
        self.asked.append(f"jobs of {filters['target_table']}")
        return iter(self.jobs)


def reads(service: Service, clock: FakeClock, *, lists_jobs: bool = True) -> TaskReads:
    return TaskReads(service, clock, lists_jobs=lists_jobs)  # type: ignore[arg-type]


def test_read_asks_for_each_answer_once() -> None:
    """The plan and the guards call it; a table that is read from and written to is one table."""
    service, clock = Service(), FakeClock()
    shared = reads(service, clock)
    shared.read("a", target="b")
    shared.read("a", target="b")
    assert shared.get_table("a") == {"name": "a", "type": "detail"}
    assert shared.find("b").facts.name == "b"  # type: ignore[union-attr]
    assert (shared.take_jobs("other"), service.asked) == (None, ["a", "b", "jobs of b"])
    own = Service()
    reads(own, clock, lists_jobs=False).read("a", "c", target="a")
    assert own.asked == ["a", "c"]


def test_take_jobs_returns_the_list_once() -> None:
    """Each later look needs a new list."""
    service = Service()
    shared = reads(service, FakeClock())
    shared.read("a", target="b")
    assert (shared.take_jobs("b"), shared.take_jobs("b")) == ([{"id": "j1"}], None)


def test_answers_from_before_a_wait_are_not_used() -> None:
    """Another job may have changed the tables meanwhile, or be a new conflict."""
    service, clock = Service(), FakeClock()
    shared = reads(service, clock)
    shared.read("a", target="b")
    clock.sleep(11, lambda: False)
    service.tables["b"] = {"name": "b", "type": "aggregate"}
    assert shared.get_table("b")["type"] == "aggregate"
    assert shared.take_jobs("b") is None
    shared.forget()
    shared.get_table("b")
    assert service.asked == ["a", "b", "jobs of b", "b", "b"]


def test_error_is_raised_where_its_answer_is_needed() -> None:
    """So a check that comes first decides. The request is sent again for the next reader; a missing table is known."""
    service = Service()
    service.tables = {"b": AWAY}
    shared = reads(service, FakeClock())
    shared.read("a", target="b")
    assert (shared.find("a"), shared.find("a")) == (None, None)
    with pytest.raises(PolarisServerError):
        shared.get_table("b")
    service.tables["b"] = {"name": "b", "type": "detail"}
    assert shared.get_table("b") == {"name": "b", "type": "detail"}
    assert service.asked == ["a", "b", "jobs of b", "b"]
