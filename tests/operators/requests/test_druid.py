# SPDX-License-Identifier: Apache-2.0
"""The HTTP requests of a task on Druid: more than on Polaris, because no single request describes a table or a job."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.client.http.session import PolarisSession
from tests.druid_service import DruidService
from tests.operators.conftest import through_airflow
from tests.operators.test_druid import context, druid, rollup  # noqa: F401  # the fixtures

TABLE = Counter({"GET datasources": 1, "POST sql": 3, "POST v2": 1, "GET rules": 1})
SLOTS = Counter({"GET totalWorkerCapacity": 1, "GET workers": 1})
#: The status, with the statement's rows only in versions that are newer than the fake's.
COUNT = SLOTS + Counter({"POST statements": 1, "GET query": 1, "GET results": 1})
#: Whether the target exists, and its partitioning and columns, decide the statement.
SUBMISSION = Counter({"GET datasources": 1, "POST sql": 2}) + SLOTS + Counter({"POST task": 1})
#: Its result reads the task and its report, and the metrics the report again.
END = Counter({"GET status": 1, "GET task": 1, "GET reports": 2})


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The requests so far, by method and the last part of the path that isn't a name."""
    found: Counter[str] = Counter()
    send = PolarisSession.send

    def recorded(self: Any, request: Any, **options: Any) -> Any:
        *_, before, last = urlsplit(request.url).path.split("/")
        if last.startswith("query-"):
            last = "query" if before == "statements" else "task"
        found[f"{request.method} {'rules' if before == 'rules' else last}"] += 1
        return send(self, request, **options)

    monkeypatch.setattr(PolarisSession, "send", recorded)
    return found


def test_replace_with_guards_sends_thirty_three_requests(
    druid: DruidService,  # noqa: F811
    context: Any,  # noqa: F811
    sent: Counter[str],
) -> None:
    """Two tables, the list of jobs, two counts, the submission and its end."""
    columns = {"city": "VARCHAR", "longest": "BIGINT"}
    druid.table("hourly", columns=columns, days=("2024-06-01", "2024-06-02"))
    druid.rows["hourly"] = [{"bucket": "2024-06-01T00:00:00.000Z", "n": 3}]
    operator = rollup(deferrable=True)
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    job_id = caught.value.trigger.job_id
    druid._succeed(druid.tasks[job_id])
    event = {"status": "ended", "job_id": job_id, "state": "completed", "message": "it has ended"}
    arguments = through_airflow({**caught.value.kwargs, "event": event})
    assert getattr(operator, caught.value.method_name)(context, **arguments) == job_id
    assert sent == TABLE + TABLE + Counter({"GET tasks": 1}) + COUNT + COUNT + SUBMISSION + END
    assert sent.total() == 33
