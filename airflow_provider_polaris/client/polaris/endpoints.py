# SPDX-License-Identifier: Apache-2.0
"""
The endpoints of the Polaris API, and their paths; performs no I/O.

Paths, methods and parameters: polaris-sdk 20250425.14.0 (PyPI). Permissions: docs.imply.io/polaris/api-manage-job,
/api-delete-data, /api-restore-data, /api-query, /tables and /api-upload.
"""

from __future__ import annotations

from typing import Final

from airflow_provider_polaris.client.http.endpoint import LIST_BYTES, OBJECT_BYTES, ROWS_BYTES, Endpoint, encode_segment

_JOBS: Final = "ManageIngestionJobs"


_VIEW_TABLES: Final = "ViewTables"


_TABLES: Final = "ManageTables"


_FILES: Final = "ManageFiles"


_QUERY: Final = "AccessQueries"


#: Read timeout in seconds. The service stops a synchronous query after a minute (docs.imply.io/polaris/api-query) and
#: returns its own error.
QUERY_SECONDS: Final = 75.0


#: Read timeout in seconds for files of up to 2 GB (docs.imply.io/polaris/api-upload). The response may come long after
#: the last byte.
UPLOAD_SECONDS: Final = 300.0


LIST_JOBS = Endpoint("GET", "/jobs", (_JOBS,), answer_bytes=LIST_BYTES)


CREATE_JOB = Endpoint("POST", "/jobs", (_JOBS,), repeatable=False, answer_bytes=OBJECT_BYTES)


GET_JOB = Endpoint("GET", "/jobs/{name}", (_JOBS,), noun="job", answer_bytes=OBJECT_BYTES)


GET_JOB_STATUS = Endpoint("GET", "/jobs/{name}/status", (_JOBS,), noun="job")


GET_JOB_PROGRESS = Endpoint("GET", "/jobs/{name}/progress", (_JOBS,), noun="job")


GET_JOB_LOGS = Endpoint("GET", "/jobs/{name}/logs", (_JOBS,), noun="job", answer_bytes=OBJECT_BYTES)


GET_JOB_METRICS = Endpoint("GET", "/jobs/{name}/metrics", (_JOBS,), noun="job")


# Requesting a status is idempotent.
UPDATE_JOB_STATUS = Endpoint("POST", "/jobs/{name}/status", (_JOBS,), noun="job")


RESET_JOB = Endpoint("POST", "/jobs/{name}/reset", (_JOBS,), repeatable=False, noun="job")


LIST_TABLES = Endpoint("GET", "/tables", (_VIEW_TABLES,), answer_bytes=LIST_BYTES)


GET_TABLE = Endpoint("GET", "/tables/{name}", (_VIEW_TABLES,), noun="table", answer_bytes=OBJECT_BYTES)


CREATE_TABLE = Endpoint("POST", "/tables", (_TABLES,), repeatable=False, answer_bytes=OBJECT_BYTES)


UPDATE_TABLE = Endpoint("PUT", "/tables/{name}", (_TABLES,), repeatable=False, noun="table", answer_bytes=OBJECT_BYTES)


UNUSED_SEGMENTS = Endpoint(
    "GET", "/tables/{name}/unusedSegments", (_VIEW_TABLES,), noun="table", answer_bytes=LIST_BYTES
)


LIST_FILES = Endpoint("GET", "/files", (_FILES,), answer_bytes=LIST_BYTES)


UPLOAD_FILE = Endpoint("POST", "/files", (_FILES,), repeatable=False, read_seconds=UPLOAD_SECONDS)


GET_FILE = Endpoint("GET", "/files/{name}", (_FILES,), noun="file")


DELETE_FILE = Endpoint("DELETE", "/files/{name}", (_FILES,), repeatable=False, noun="file")


# SELECT only, so it is idempotent.
QUERY = Endpoint("POST", "/query/sql", (_QUERY,), read_seconds=QUERY_SECONDS, answer_bytes=ROWS_BYTES)


# May be INSERT or REPLACE, and each is billed.
START_QUERY = Endpoint("POST", "/query/sql/statements", (_QUERY, _JOBS), repeatable=False, answer_bytes=OBJECT_BYTES)


GET_QUERY = Endpoint("GET", "/query/sql/statements/{name}", (_QUERY, _JOBS), noun="query", answer_bytes=OBJECT_BYTES)


QUERY_ROWS = Endpoint(
    "GET",
    "/query/sql/statements/{name}/results",
    (_QUERY, _JOBS),
    noun="query",
    read_seconds=QUERY_SECONDS,
    answer_bytes=ROWS_BYTES,
)


CANCEL_QUERY = Endpoint("DELETE", "/query/sql/statements/{name}", (_QUERY, _JOBS), noun="query")


def path_of(endpoint: Endpoint, project_id: str, name: str | None = None) -> str:
    """
    Return the path of a request, with each variable part percent-encoded.

    :param endpoint: The operation.
    :param project_id: Id of the project.
    :param name: Job id, table name, file name or query id.
    :raises PolarisSpecError: The name can't be part of a path.
    """
    below = endpoint.template
    if "{name}" in below:
        below = below.replace("{name}", encode_segment(name, endpoint.noun))
    return f"/v1/projects/{encode_segment(project_id, 'project')}{below}"
