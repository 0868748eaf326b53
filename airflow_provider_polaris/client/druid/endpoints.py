# SPDX-License-Identifier: Apache-2.0
"""
The endpoints of Druid's APIs, and their paths; performs no I/O.

Sources: druid.apache.org/docs/latest/api-reference (paths, methods, parameters), OBSERVED(Druid 27) and
OBSERVED(Druid 33) for the answers. The rights are those of Druid's basic security: ``DATASOURCE`` of the table, and
``STATE`` and ``CONFIG`` of the cluster (druid.apache.org/docs/latest/operations/security-user-auth).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from airflow_provider_polaris.client.http.endpoint import LIST_BYTES, OBJECT_BYTES, ROWS_BYTES, Endpoint, encode_segment

_READ: Final = ("DATASOURCE READ",)
_WRITE: Final = ("DATASOURCE WRITE",)
_BOTH: Final = ("DATASOURCE READ", "DATASOURCE WRITE")
_STATE: Final = ("STATE READ",)

#: Read timeout in seconds for a query. Druid stops a query after 5 minutes by default
#: (``druid.server.http.defaultQueryTimeout``, druid.apache.org/docs/latest/configuration).
QUERY_SECONDS: Final = 310.0

#: Read timeout in seconds for a POST that the broker plans before it answers.
PLAN_SECONDS: Final = 60.0

# Broker. A task that is submitted twice under one id is refused, but the client decides when to send it again.
SUBMIT_TASK: Final = Endpoint(
    "POST", "/druid/v2/sql/task", _BOTH, repeatable=False, read_seconds=PLAN_SECONDS, answer_bytes=OBJECT_BYTES
)
# SELECT only, so it is idempotent.
QUERY: Final = Endpoint("POST", "/druid/v2/sql", _READ, read_seconds=QUERY_SECONDS, answer_bytes=ROWS_BYTES)
SEGMENT_METADATA: Final = Endpoint("POST", "/druid/v2", _READ, read_seconds=QUERY_SECONDS, answer_bytes=LIST_BYTES)
START_QUERY: Final = Endpoint(
    "POST",
    "/druid/v2/sql/statements",
    _READ,
    repeatable=False,
    read_seconds=PLAN_SECONDS,
    answer_bytes=OBJECT_BYTES,
)
GET_QUERY: Final = Endpoint("GET", "/druid/v2/sql/statements/{name}", _READ, noun="query", answer_bytes=OBJECT_BYTES)
QUERY_ROWS: Final = Endpoint(
    "GET",
    "/druid/v2/sql/statements/{name}/results",
    _READ,
    noun="query",
    read_seconds=QUERY_SECONDS,
    answer_bytes=ROWS_BYTES,
)
CANCEL_QUERY: Final = Endpoint("DELETE", "/druid/v2/sql/statements/{name}", _READ, noun="query")

# Router or broker.
STATUS: Final = Endpoint("GET", "/status", _STATE, answer_bytes=OBJECT_BYTES)
# Source: Druid's source, SqlTaskResource, and OBSERVED(Druid 27). Every authenticated user may call it.
ENGINE_ENABLED: Final = Endpoint("GET", "/druid/v2/sql/task/enabled", ())

# Overlord.
LIST_TASKS: Final = Endpoint("GET", "/druid/indexer/v1/tasks", _READ, answer_bytes=LIST_BYTES)
GET_TASK: Final = Endpoint("GET", "/druid/indexer/v1/task/{name}", _READ, noun="task", answer_bytes=OBJECT_BYTES)
GET_TASK_STATUS: Final = Endpoint("GET", "/druid/indexer/v1/task/{name}/status", _READ, noun="task")
GET_TASK_REPORTS: Final = Endpoint(
    "GET", "/druid/indexer/v1/task/{name}/reports", _READ, noun="task", answer_bytes=LIST_BYTES
)
TRY_TASK_REPORTS: Final = replace(GET_TASK_REPORTS, repeatable=False)
# Reads only, so it is idempotent. OBSERVED(Druid 27 with druid-basic-security): a POST needs WRITE nevertheless.
TASK_STATUSES: Final = Endpoint("POST", "/druid/indexer/v1/taskStatus", ("STATE WRITE",), answer_bytes=OBJECT_BYTES)
# OBSERVED(Druid 27): also answered with 200 for a task that has ended.
SHUTDOWN_TASK: Final = Endpoint("POST", "/druid/indexer/v1/task/{name}/shutdown", _WRITE, noun="task")
# The task has an id of ours, and a second one with that id is refused, so it may be sent again.
SUBMIT_NATIVE_TASK: Final = Endpoint("POST", "/druid/indexer/v1/task", _WRITE)
LIST_SUPERVISORS: Final = Endpoint("GET", "/druid/indexer/v1/supervisor", _READ, answer_bytes=LIST_BYTES)
LIST_WORKERS: Final = Endpoint("GET", "/druid/indexer/v1/workers", _STATE, answer_bytes=LIST_BYTES)
TRY_WORKERS: Final = replace(LIST_WORKERS, repeatable=False)
# OBSERVED(Druid 27 with druid-basic-security): STATE READ is not enough.
WORKER_CAPACITY: Final = Endpoint("GET", "/druid/indexer/v1/totalWorkerCapacity", ("CONFIG READ",))

# Coordinator.
LIST_TABLES: Final = Endpoint("GET", "/druid/coordinator/v1/metadata/datasources", _READ, answer_bytes=LIST_BYTES)
# Reads only, so it is idempotent. OBSERVED(Druid 27 with druid-basic-security): a POST needs WRITE nevertheless.
USED_SEGMENTS: Final = Endpoint(
    "POST",
    "/druid/coordinator/v1/metadata/datasources/{name}/segments",
    _WRITE,
    noun="table",
    answer_bytes=LIST_BYTES,
)
MARK_ALL_UNUSED: Final = Endpoint("DELETE", "/druid/coordinator/v1/datasources/{name}", _WRITE, noun="table")
RULES: Final = Endpoint("GET", "/druid/coordinator/v1/rules/{name}", _READ, noun="table", answer_bytes=OBJECT_BYTES)
UNUSED_SEGMENTS: Final = Endpoint(
    "GET",
    "/druid/coordinator/v1/metadata/datasources/{name}/unusedSegments",
    _READ,
    noun="table",
    answer_bytes=LIST_BYTES,
)
# Marking a segment twice has no further effect.
# OBSERVED(Druid 33): the overlord marks, and the coordinator's path of markUsed answers 500 although it takes effect.
# OBSERVED(Druid 27): only the coordinator has these paths.
MARK_UNUSED: Final = (
    Endpoint("POST", "/druid/indexer/v1/datasources/{name}/markUnused", _WRITE, noun="table"),
    Endpoint("POST", "/druid/coordinator/v1/datasources/{name}/markUnused", _WRITE, noun="table"),
)
MARK_USED: Final = (
    Endpoint("POST", "/druid/indexer/v1/datasources/{name}/markUsed", _WRITE, noun="table"),
    Endpoint("POST", "/druid/coordinator/v1/datasources/{name}/markUsed", _WRITE, noun="table"),
)


def path_of(endpoint: Endpoint, name: str | None = None) -> str:
    """
    Return the path of a request, with the variable part percent-encoded.

    :param endpoint: The operation.
    :param name: Task id, table name or query id.
    :raises PolarisSpecError: The name can't be part of a path.
    """
    if "{name}" in endpoint.template:
        return endpoint.template.replace("{name}", encode_segment(name, endpoint.noun))
    return endpoint.template
