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
def run_dag(
    airflow: Airflow, druid: Druid, gateway: Gateway, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Task]]:
    """Start a run whose connection leads to the proxy, and return its task; an active run is ended later."""
    connection = {"connection_id": re.sub(r"\W+", "_", request.node.name), **druid.connection(gateway)}
    airflow.api.add_connection(connection)
    tasks: list[Task] = []

    def run(dag_id: str) -> Task:
        tasks.append(airflow.run(dag_id, connection=connection["connection_id"]))
        return tasks[-1]

    run.tasks = tasks  # type: ignore[attr-defined]
    yield run
    gateway.clear()
    for task in tasks:
        if task.state() not in ("success", "failed"):
            task.mark("failed")
