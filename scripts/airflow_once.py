# SPDX-License-Identifier: Apache-2.0
"""
One Airflow in this process: a database of its own, and runs of a DAG for the dates that are asked for.

It is what ``airflow dags test`` does, without paying for Airflow's start at every run.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import newest_api


class Airflow(NamedTuple):
    """A started Airflow."""

    version: str
    log: Path

    def load(self, path: Path, dag_id: str) -> Any:
        """Parse one DAG file and make its DAG known to the database, which a run needs."""
        with _output_to(self.log):
            from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
            from airflow.models.dagbundle import DagBundleModel
            from airflow.utils.session import create_session

            bag = DagBag(path)
            if bag.import_errors:
                raise SystemExit("\n".join(f"{file}: {error}" for file, error in bag.import_errors.items()))
            with create_session() as session:
                if not session.get(DagBundleModel, "demo"):
                    session.add(DagBundleModel(name="demo"))
            sync_bag_to_db(bag, "demo", None)
        return bag.dags[dag_id]

    def run(self, dag: Any, day: datetime, *, xcom: tuple[str, str], params: Mapping[str, Any] | None = None) -> Any:
        """
        Run the DAG for the data interval that starts at ``day`` and lasts a day.

        :param xcom: Task id and key of the XCom to give back.
        :param params: Parameters of the run.
        :raises SystemExit: It failed; the message has what each failed task raised last.
        """
        conf = None if params is None else dict(params)
        with _output_to(self.log), _failed_tasks() as failed:
            # A run is due when its interval has ended.
            run = dag.test(logical_date=day + timedelta(days=1), run_conf=conf)
            task_id, key = xcom
            (task,) = [task for task in run.get_task_instances() if task.task_id == task_id]
            value = task.xcom_pull(task_ids=task_id, key=key)
        if run.state != "success":
            told = [f"Task {task_id!r} failed: {error}" for task_id, error in failed.items()]
            ended = f"The run for {day:%Y-%m-%d} ended {run.state!s}. Its log is {self.log}."
            raise SystemExit("\n".join(["", *told, ended]))
        return value


def start(home: Path, environment: Mapping[str, str]) -> Airflow:
    """
    Make Airflow ready in this process; nothing of Airflow may have been imported before.

    :param home: Its AIRFLOW_HOME, kept for the next time.
    :param environment: More variables, such as connections.
    """
    home.mkdir(parents=True, exist_ok=True)
    database = (home / "airflow.db").resolve()
    os.environ.update(
        {
            "AIRFLOW_HOME": str(home.resolve()),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
            **environment,
        }
    )
    log = home / "airflow.log"
    log.unlink(missing_ok=True)
    with _output_to(log):
        from airflow import __version__
        from airflow.utils.db import initdb

        initdb()
        newest_api.build_newest_api_only()
    return Airflow(__version__, log)


@contextlib.contextmanager
def _failed_tasks() -> Iterator[dict[str, str]]:
    """Give a dictionary that gets what each failed task of this process raised, the last try's, by task id."""
    from airflow.listeners import hookimpl
    from airflow.sdk.listener import get_listener_manager

    failed: dict[str, str] = {}

    class Listener:
        """What Airflow calls at the end of a task."""

        @hookimpl
        def on_task_instance_failed(self, task_instance: Any, error: BaseException | str | None) -> None:
            name = f"{type(error).__name__}: " if isinstance(error, BaseException) else ""
            failed[task_instance.task_id] = f"{name}{error}"

    listeners = get_listener_manager().pm
    listener = Listener()
    listeners.register(listener)
    try:
        yield failed
    finally:
        listeners.unregister(listener)


@contextlib.contextmanager
def _output_to(log: Path) -> Iterator[None]:
    """Send what this process and its children print to a file; Airflow writes below ``sys.stdout``."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
