# SPDX-License-Identifier: Apache-2.0
"""
Read from a job's context which task of Airflow made it; performs no I/O.

Any client can write anything there, so texts are cut, and characters that aren't printable are replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_polaris.emulator.jobs.job import Job

_KEY: Final = "airflowOrigin"
_LONGEST_ID: Final = 250
_LARGEST_NUMBER: Final = 1_000_000


@dataclass(frozen=True)
class JobOrigin:
    """
    The try of a task.

    :param dag: Id of the DAG.
    :param task: Id of the task.
    :param run: Id of the run.
    :param map_index: Index of the mapped task; None if it isn't mapped.
    :param try_number: Number of the try; None if unknown.
    """

    dag: str
    task: str
    run: str
    map_index: int | None
    try_number: int | None

    @property
    def label(self) -> str:
        """
        DAG, task and map index.

        >>> JobOrigin("koalas", "rollup", "manual__1", 3, 1).label
        'koalas.rollup[3]'
        """
        return f"{self.dag}.{self.task}" + ("" if self.map_index is None else f"[{self.map_index}]")


def origin_of(job: Job) -> JobOrigin | None:
    """Return the task that made a job; None if the job doesn't name DAG, task and run."""
    value = (job.spec.get("context") or {}).get(_KEY)
    if not isinstance(value, Mapping):
        return None
    dag, task, run = (_text(value.get(key)) for key in ("dag", "task", "run"))
    if not (dag and task and run):
        return None
    return JobOrigin(dag, task, run, _number(value.get("mapIndex")), _number(value.get("try")))


def _text(value: Any) -> str:
    shown = value.strip()[:_LONGEST_ID] if isinstance(value, str) else ""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in shown)


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _LARGEST_NUMBER else None
