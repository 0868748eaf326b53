# SPDX-License-Identifier: Apache-2.0
"""
What the three services say about a job that runs or has ended, as bytes; knows no HTTP and no clock.

Shapes and sizes follow the vendors' samples: docs.imply.io/polaris/api-ingest-table and polaris-sdk 20250425.14.0,
docs.getdbt.com/dbt-cloud/api-v2 (retrieve run), docs.databricks.com/api/workspace/jobs/getrun.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

_SOMEBODY = {"username": "api-key-pok_vipgj...bjjvyo", "userId": "a52cacf6-3ddc-48e5-8675-2f1c6f3c4a10"}
_ETERNITY = "-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z"
_NEVER = math.inf
_UPDATED = re.compile(rb'"lastUpdatedTimestamp": "[^"]+"')


class Jobs:
    """All jobs of one measurement, in the order of their creation; ``now`` is always an argument."""

    def __init__(self, finished_before: int) -> None:
        """
        Begin with jobs that ended long ago, as every project has them.

        :param finished_before: How many.
        """
        self._ends = [-_NEVER] * finished_before
        self._summaries = _summaries(range(finished_before), datetime.now(timezone.utc) - timedelta(days=90))

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, count: int) -> int:
        """Create running jobs and return the number of the first."""
        first = len(self._ends)
        self._ends += [_NEVER] * count
        self._summaries += _summaries(range(first, first + count), datetime.now(timezone.utc))
        return first

    def end(self, first: int, count: int, *, begin: float, seconds: float) -> None:
        """
        Let jobs end, evenly over a time and in no order that has to do with their age.

        :param first: Number of the first.
        :param count: How many.
        :param begin: When the first of them ends, on the clock that ``now`` comes from.
        :param seconds: Time over which they end; 0 for all at once.
        """
        numbers = list(range(first, first + count))
        random.Random(first).shuffle(numbers)
        for place, number in enumerate(numbers):
            self._ends[number] = begin + seconds * place / count

    def end_some(self, numbers: Sequence[int], begin: float, seconds: float) -> dict[int, float]:
        """Let these jobs end, evenly over a time, and return when each does; see :meth:`end`."""
        for number in numbers:
            self.end(number, 1, begin=begin, seconds=0)
            begin += seconds / len(numbers)
        return {number: self._ends[number] for number in numbers}

    def ends(self, first: int, count: int) -> list[float]:
        """Return when each of these jobs ends."""
        return self._ends[first : first + count]

    def status(self, number: int, now: float) -> str:
        """Return Polaris' word for it."""
        return "completed" if self._ends[number] <= now else "running"

    def polaris_list(self, query: Mapping[str, Sequence[str]], now: float) -> bytes:
        """Return one page of summaries; filters by status and type, sorts by creation or last update."""
        statuses = set(query.get("executionStatus", ())) or {"running", "completed"}
        limit = int(query.get("paginationLimit", ["100"])[0])
        offset = int(query.get("paginationOffset", ["0"])[0])
        numbers: list[int] = []
        if "batch" in query.get("type", ["batch"]):
            running, completed = "running" in statuses, "completed" in statuses
            numbers = [n for n, end in enumerate(self._ends) if (completed if end <= now else running)]
        if query.get("sortColumn") == ["last_updated_date_time"]:
            numbers.sort(key=lambda number: (self._updated(number, now), number))
        elif query.get("sortColumn") != ["created_date_time"]:
            raise ValueError(f"the list is asked for in an order that it can't have here: {query!r}")
        if query.get("sortOrder", ["DESC"]) == ["DESC"]:
            numbers.reverse()
        page = numbers[offset : offset + limit]
        values = b",".join(self.polaris_summary(number, now) for number in page)
        more = b"true" if offset + limit < len(numbers) else b"false"
        return b'{"values":[' + values + b'],"moreResultsAvailable":' + more + b"}"

    def polaris_summary(self, number: int, now: float) -> bytes:
        """Return one entry of the list."""
        before, after = self._summaries[number]
        updated = self._updated(number, now)
        if updated > -_NEVER:
            ended = datetime.now(timezone.utc) - timedelta(seconds=now - updated)
            after = _UPDATED.sub(f'"lastUpdatedTimestamp": "{ended:%Y-%m-%dT%H:%M:%S.%f}712Z"'.encode(), after)
        return before + self.status(number, now).encode() + after

    def _updated(self, number: int, now: float) -> float:
        """Return when the job ended, as the time of its last update; that of its creation is older than any end."""
        end = self._ends[number]
        return end if end <= now else -_NEVER

    def polaris_status(self, number: int, now: float) -> bytes:
        """Return the answer of ``/status``."""
        return b'{"executionStatus":"' + self.status(number, now).encode() + b'"}'

    def polaris_job(self, number: int, now: float) -> bytes:
        """Return the whole job."""
        body: dict[str, Any] = json.loads(self.polaris_summary(number, now))
        spec = {
            "type": "batch",
            "source": {"type": "table", "tableName": "Koalas Source", "interval": _ETERNITY},
            "target": body["target"],
            "createTableIfNotExists": True,
            "filterExpression": None,
            "ingestionMode": "append",
            "mappings": [{"columnName": "__count", "expression": "COUNT(*)", "isAggregation": True}],
            "maxParseExceptions": 2147483647,
            "desiredExecutionStatus": "running",
        }
        return json.dumps({**spec, **body, "spec": spec, "query": 'INSERT INTO "Koalas Rollup" ...'}).encode()

    def dbt_run(self, number: int, now: float) -> bytes:
        """Return a run of dbt Cloud; status 3 runs, 10 is success."""
        done = self._ends[number] <= now
        return _DBT % (run_id(number), run_id(number), 10 if done else 3, b"true" if done else b"false", run_id(number))

    def databricks_run(self, number: int, now: float) -> bytes:
        """Return a run of Databricks."""
        done = self._ends[number] <= now
        state = b'"TERMINATED","result_state":"SUCCESS"' if done else b'"RUNNING"'
        return _DATABRICKS % (run_id(number), run_id(number), state, run_id(number) + 1, state)


def job_id(number: int) -> str:
    """Return the id that a job has in Polaris."""
    return f"018a90ac-0758-762b-b502-{number:012x}"


def run_id(number: int) -> int:
    """Return the id that a job has in dbt Cloud and Databricks."""
    return number + 1


def _summaries(numbers: range, begin: datetime) -> list[tuple[bytes, bytes]]:
    """Return list entries, each in two pieces with the status between them; created a millisecond apart."""
    pieces = []
    for number in numbers:
        created = begin + timedelta(milliseconds=number - numbers.start)
        stamp = f"{created:%Y-%m-%dT%H:%M:%S.%f}712Z"  # Polaris has nine digits
        body = {
            "createdBy": _SOMEBODY,
            "createdTimestamp": stamp,
            "desiredExecutionStatus": "running",
            "executionStatus": "@",
            "health": {"status": "ok"},
            "id": job_id(number),
            "lastModifiedBy": _SOMEBODY,
            "lastUpdatedTimestamp": stamp,
            "source": {"type": "table", "tableName": "Koalas Source"},
            "startedTimestamp": stamp,
            "target": {"type": "table", "tableName": "Koalas Rollup", "intervals": []},
            "type": "batch",
        }
        before, after = json.dumps(body).encode().split(b"@")
        pieces.append((before, after))
    return pieces


def _template(body: Mapping[str, Any]) -> bytes:
    """Return a pattern for ``%``; a field whose value is a placeholder loses its quotes."""
    return json.dumps(body).replace('"%d"', "%d").replace('"%s"', "%s").encode()


_DBT = _template(
    {
        "status": {"code": 200, "is_success": True, "user_message": "Success!", "developer_message": ""},
        "data": {
            "id": "%d",
            "trigger_id": "%d",
            "account_id": 1,
            "environment_id": 17,
            "project_id": 23,
            "job_definition_id": 42,
            "status": "%d",
            "dbt_version": "1.9.0-latest",
            "git_branch": "main",
            "git_sha": "0c3a4b1d7f1f4ad48d2bb5ad0c8f1a8c2e0a9a77",
            "status_message": None,
            "owner_thread_id": None,
            "deferring_run_id": None,
            "artifacts_saved": False,
            "artifact_s3_path": None,
            "has_docs_generated": False,
            "has_sources_generated": False,
            "notifications_sent": False,
            "blocked_by": [],
            "created_at": "2026-11-22 12:00:00.000000+00:00",
            "updated_at": "2026-11-22 12:00:05.000000+00:00",
            "dequeued_at": "2026-11-22 12:00:01.000000+00:00",
            "started_at": "2026-11-22 12:00:05.000000+00:00",
            "finished_at": None,
            "last_checked_at": None,
            "last_heartbeat_at": None,
            "should_start_at": "2026-11-22 12:00:00.000000+00:00",
            "trigger": None,
            "job": None,
            "environment": None,
            "run_steps": [],
            "is_complete": "%s",
            "in_progress": True,
            "is_error": False,
            "is_cancelled": False,
            "duration": "00:00:05",
            "queued_duration": "00:00:01",
            "run_duration": "00:00:04",
            "href": "https://cloud.getdbt.com/deploy/1/projects/23/runs/%d/",
        },
    }
)
_DATABRICKS = _template(
    {
        "job_id": 42,
        "run_id": "%d",
        "number_in_job": "%d",
        "creator_user_name": "somebody@example.com",
        "state": {"life_cycle_state": "%s", "state_message": "", "user_cancelled_or_timedout": False},
        "schedule": None,
        "tasks": [
            {
                "run_id": "%d",
                "task_key": "rollup",
                "notebook_task": {"notebook_path": "/Shared/rollup", "source": "WORKSPACE"},
                "existing_cluster_id": "1122-120000-koala123",
                "state": {"life_cycle_state": "%s", "state_message": "", "user_cancelled_or_timedout": False},
                "start_time": 1763812800000,
                "setup_duration": 1000,
                "execution_duration": 4000,
                "cleanup_duration": 0,
                "end_time": 0,
                "attempt_number": 0,
            }
        ],
        "start_time": 1763812800000,
        "setup_duration": 1000,
        "execution_duration": 4000,
        "cleanup_duration": 0,
        "end_time": 0,
        "trigger": "ONE_TIME",
        "run_name": "rollup",
        "run_page_url": "https://dbc.example.com/?o=1#job/42/run/1",
        "run_type": "SUBMIT_RUN",
        "format": "MULTI_TASK",
    }
)
