# SPDX-License-Identifier: Apache-2.0
"""A real Druid for all scenarios, and a proxy in front of it for each: ``make e2e-druid``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from harness.airflow import Airflow
from harness.druid import Druid, missing
from harness.gateway import Gateway
from harness.rest import Task

RunDag = Callable[..., Task]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Druid]:
    """Run Druid."""
    reason = missing()
    if reason is not None:
        pytest.skip(f"for want of Java 17 and Maven: {reason}")
    server = Druid()
    yield server
    server.stop()


@pytest.fixture
def druid(cluster: Druid) -> Druid:
    """Return Druid with the source's four rows, no target and no active task."""
    cluster.reset()
    return cluster


@pytest.fixture
def gateway(druid: Druid) -> Iterator[Gateway]:
    """Run a proxy in front of Druid."""
    proxy = Gateway(druid.url)
    yield proxy
    proxy.close()


@pytest.fixture
def connection(airflow: Airflow, druid: Druid, gateway: Gateway, request: pytest.FixtureRequest) -> str:
    """Return the id of a connection that leads to the proxy."""
    name = re.sub(r"\W+", "_", request.node.name)
    airflow.api.add_connection({"connection_id": name, **druid.connection(gateway)})
    return name


@pytest.fixture
def run_dag(airflow: Airflow, gateway: Gateway, connection: str) -> Iterator[Callable[[str], Task]]:
    """Start a run with this connection, and return its task; an active run is ended later."""
    tasks: list[Task] = []

    def run(dag_id: str) -> Task:
        tasks.append(airflow.run(dag_id, connection=connection))
        return tasks[-1]

    run.tasks = tasks  # type: ignore[attr-defined]
    yield run
    gateway.clear()
    for task in tasks:
        if task.state() not in ("success", "failed"):
            task.mark("failed")
