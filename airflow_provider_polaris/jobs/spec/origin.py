# SPDX-License-Identifier: Apache-2.0
"""
Say which task of Airflow made a job, in the job's ``context`` beside the marker. Performs no I/O.

The origin is for people. It identifies no job and decides nothing: the marker does. Anybody can write anything into a
context, so what is read from one is shortened, and its control characters are replaced.

Sources: polaris-sdk 20250425.14.0, CreateBatchJobRequest (``context`` is an object with any keys, ``createdBy`` has a
``username``). OBSERVED(Druid 27): a key that Druid doesn't know is kept, with an object as its value. GUESS: so does
Polaris. A service that refuses the key gets the job without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_polaris.jobs.shortening import shorten
from airflow_provider_polaris.jobs.spec.context import contexts_of

#: Key of the origin in a job's ``context``.
ORIGIN_KEY: Final = "airflowOrigin"

_IDS: Final = ("dag", "task", "run")

#: Longest id in characters, sent or read. Airflow's own ids have at most 250.
_LONGEST_ID: Final = 250

#: Largest number that is shown. Only a forged origin has a larger one.
_LARGEST_NUMBER: Final = 1_000_000


@dataclass(frozen=True)
class JobOrigin:
    """
    The try of a task that submitted a job.

    :param dag_id: Id of the DAG.
    :param task_id: Id of the task.
    :param run_id: Id of the run.
    :param map_index: Index of the mapped task; -1 if it isn't mapped.
    :param try_number: Number of the try, from 1; None if unknown. A later try may have resumed the job.
    """

    dag_id: str
    task_id: str
    run_id: str
    map_index: int = -1
    try_number: int | None = None

    def to_wire(self) -> dict[str, Any]:
        """
        Return the JSON object for the context, at most about 1,000 characters.

        >>> JobOrigin("koalas", "rollup", "manual__1", 2, 1).to_wire()
        {'dag': 'koalas', 'task': 'rollup', 'run': 'manual__1', 'mapIndex': 2, 'try': 1}
        """
        return {
            "dag": _clean(self.dag_id),
            "task": _clean(self.task_id),
            "run": _clean(self.run_id),
            **({"mapIndex": self.map_index} if self.map_index >= 0 else {}),
            **({} if self.try_number is None else {"try": self.try_number}),
        }

    @classmethod
    def from_wire(cls, value: Any) -> JobOrigin | None:
        """Parse the object of a context; None unless it has the ids of a DAG, a task and a run."""
        if not isinstance(value, Mapping):
            return None
        dag, task, run = (_clean(each) if isinstance(each := value.get(key), str) else "" for key in _IDS)
        if not (dag and task and run):
            return None
        index, number = _number(value.get("mapIndex")), _number(value.get("try"))
        return cls(dag, task, run, -1 if index is None else index, number)

    @property
    def label(self) -> str:
        """
        The origin in a table: DAG, task and map index, then the run.

        >>> JobOrigin("koalas", "rollup", "manual__1", 2, 1).label
        'koalas.rollup[2] manual__1'
        """
        index = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.dag_id}.{self.task_id}{index} {self.run_id}"

    def __str__(self) -> str:
        """
        Return the origin in a sentence.

        >>> str(JobOrigin("koalas", "rollup", "manual__1", 2, 1))
        "task 'rollup' (map index 2) of DAG 'koalas', run 'manual__1', try 1"
        """
        index = f" (map index {self.map_index})" if self.map_index >= 0 else ""
        number = "" if self.try_number is None else f", try {self.try_number}"
        return f"task {self.task_id!r}{index} of DAG {self.dag_id!r}, run {self.run_id!r}{number}"


def with_origin(spec: Mapping[str, Any], origin: JobOrigin) -> dict[str, Any]:
    """
    Return a copy of a spec that says which task made it; the user's own value of the key is kept.

    >>> with_origin({"type": "batch", "context": {"airflow": "5f3a"}}, JobOrigin("d", "t", "r"))["context"]
    {'airflow': '5f3a', 'airflowOrigin': {'dag': 'd', 'task': 't', 'run': 'r'}}

    :param spec: The JSON object of the job.
    :param origin: The try of the task that sends it.
    """
    context = spec.get("context") or {}
    return dict(spec) if ORIGIN_KEY in context else {**spec, "context": {**context, ORIGIN_KEY: origin.to_wire()}}


def origin_in(job: Mapping[str, Any]) -> JobOrigin | None:
    """
    Return the origin of a described job; None if it has none, or none that is readable.

    :param job: The job as the service describes it. A list has no contexts.
    """
    return next((found for each in contexts_of(job) if (found := JobOrigin.from_wire(each.get(ORIGIN_KEY)))), None)


def user_in(job: Mapping[str, Any]) -> str | None:
    """
    Return the name of the user, or of the API key, that created a job; None if the service doesn't say.

    :param job: A description, or an entry of the list.
    """
    creator = job.get("createdBy")
    name = creator.get("username") if isinstance(creator, Mapping) else None
    return (_clean(name) or None) if isinstance(name, str) else None


def _clean(text: str) -> str:
    """Return a text without surrounding blanks, at most 250 characters long, in which each character is printable."""
    shown = shorten(text.strip(), _LONGEST_ID)
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in shown)


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _LARGEST_NUMBER else None
