# SPDX-License-Identifier: Apache-2.0
"""
Read from Airflow which job a deferred task currently waits for.

Airflow takes 1 to 2 s to stop the trigger of a cleared task. Meanwhile the next try may be deferred, too. The state
"deferred" then belongs to the wrong try; the job id in its XCom distinguishes the two.
"""

from __future__ import annotations

from typing import Any, Final

from airflow_provider_polaris.hooks.job_result import JOB_XCOM_KEY
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.triggers.cancellation.task_state import NoAnswerError, TaskKey
from airflow_provider_polaris.triggers.polling.connection import answer_within

#: Maximum duration of one request, in seconds.
JOB_SECONDS: Final = 30.0


async def job_of(key: TaskKey) -> str | None:
    """
    Return the id of the last job that a task pushed to XCom; None if it pushed none.

    :param key: The task instance.
    :raises NoAnswerError: Airflow gave no answer.
    """
    read = _job_from_supervisor if AIRFLOW_VERSION >= (3, 0) else _job_from_database
    try:
        facts = await answer_within(JOB_SECONDS, read(key))
    except Exception as error:
        raise NoAnswerError(f"Airflow could not return the job of the task: {error!r}") from error
    found = facts.get("id") if isinstance(facts, dict) else None
    return found if isinstance(found, str) else None


async def _job_from_supervisor(key: TaskKey) -> Any:
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import GetXCom

    answer: Any = await task_runner.SUPERVISOR_COMMS.asend(GetXCom(key=JOB_XCOM_KEY, **key._asdict()))
    return getattr(answer, "value", None)


async def _job_from_database(key: TaskKey) -> Any:
    from asgiref.sync import sync_to_async

    return await sync_to_async(_read_database)(key)


def _read_database(key: TaskKey) -> Any:
    from airflow.models.xcom import XCom

    return XCom.get_one(key=JOB_XCOM_KEY, **key._asdict())
