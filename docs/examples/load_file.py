# SPDX-License-Identifier: Apache-2.0
"""Upload a file with the hook, and submit the job that reads it."""

# [START load_file]
import json
from datetime import datetime, timezone
from io import BytesIO

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisConflictError
from airflow_provider_polaris.sensors.polaris import PolarisJobSensor

ROWS = (
    {"time": "2024-06-01T00:10:00Z", "city": "Berlin", "session_length": 10},
    {"time": "2024-06-01T00:50:00Z", "city": "Berlin", "session_length": 30},
    {"time": "2024-06-01T01:20:00Z", "city": "Oslo", "session_length": 5},
)
FILE = "koalas_quick.json"
SPEC = {
    "type": "batch",
    # A replace leaves the same rows when the task runs again; an append would add them a second time.
    "ingestionMode": "replace",
    "replaceAll": True,
    "createTableIfNotExists": True,
    "source": {
        "type": "uploaded",
        "fileList": [FILE],
        "inputSchema": [
            {"name": "time", "dataType": "string"},
            {"name": "city", "dataType": "string"},
            {"name": "session_length", "dataType": "long"},
        ],
        "formatSettings": {"format": "nd-json"},
    },
    "target": {"type": "table", "tableName": "Koalas Quick"},
    "mappings": [
        {"columnName": "__time", "expression": 'TIME_PARSE("time")'},
        {"columnName": "city", "expression": '"city"'},
        {"columnName": "session_length", "expression": '"session_length"'},
    ],
}

with DAG("load_file", schedule=None, start_date=datetime(2024, 6, 1, tzinfo=timezone.utc)):

    @task
    def submit() -> str:
        """Upload the file unless it is there, and return the id of the job."""
        hook = PolarisHook()
        try:
            hook.get_client().upload_file(BytesIO("\n".join(map(json.dumps, ROWS)).encode()), name=FILE)
        except PolarisConflictError:
            hook.log.info("File %r was uploaded before", FILE)
        return str(hook.submit_job(SPEC)["id"])

    PolarisJobSensor(task_id="wait", job_id=submit(), poke_interval=5, timeout=3600)
# [END load_file]
