# SPDX-License-Identifier: Apache-2.0
"""
Delete, restore and drop data. These are no queries: segments are marked, which takes effect at once.

Such a job is recorded as a task, so that it has an id, a status and a description as any other: a ``kill`` task if the
data is deleted permanently, otherwise a ``noop`` task whose context holds the job spec. The task is submitted after the
segments were marked. If that fails, a repetition marks the same segments again, which changes nothing.

OBSERVED(Druid 27): segments are marked by their ids; a task's context is kept and returned; a ``noop`` task can have a
data source and a group, which the list of tasks shows.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow_provider_polaris.client.druid.endpoints import MARK_ALL_UNUSED, MARK_UNUSED, MARK_USED, path_of
from airflow_provider_polaris.client.druid.tables import TablesApi
from airflow_provider_polaris.client.druid.tasks import TasksApi
from airflow_provider_polaris.client.druid.translation.deletion import check_named, segments_to_delete
from airflow_provider_polaris.client.druid.translation.jobs import RECORD_GROUP
from airflow_provider_polaris.client.druid.translation.statement import SPEC_KEY
from airflow_provider_polaris.client.druid.translation.task_ids import query_id, random_marker, task_id
from airflow_provider_polaris.client.http.request import json_body
from airflow_provider_polaris.jobs.errors import PolarisError, PolarisNotFoundError, PolarisSpecError
from airflow_provider_polaris.jobs.spec.context import segments_in
from airflow_provider_polaris.jobs.spec.job_spec import (
    DeleteDataJobSpec,
    DropTableJobSpec,
    RestoreDataJobSpec,
    parse_spec,
)
from airflow_provider_polaris.jobs.time.interval import Interval, merge

log = logging.getLogger("airflow_provider_polaris.client")


class DeletionJobs:
    """
    Does the jobs that change no rows, only which segments are used.

    :param tables: The coordinator.
    :param tasks: The overlord.
    """

    def __init__(self, tables: TablesApi, tasks: TasksApi) -> None:
        self._tables = tables
        self._tasks = tasks

    def request_line(self, spec: Mapping[str, Any]) -> str:
        """Return method and URL of the request that marks the segments of a job."""
        table = str((spec.get("target") or {}).get("tableName"))
        endpoint = {"restore_data": MARK_USED[-1], "drop_table": MARK_ALL_UNUSED}.get(
            str(spec.get("type")), MARK_UNUSED[-1]
        )
        return f"{endpoint.method} {self._tables.base_url}{path_of(endpoint, table)}"

    def run(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """
        Do a job, and return its description.

        :param spec: The JSON object of a ``delete_data``, ``restore_data`` or ``drop_table`` job.
        :raises PolarisGuardError: A segment lies only partly in the intervals, the intervals have other segments than
            the job names, or the cluster's version can't do it. Nothing was changed.
        :raises PolarisNotFoundError: There is no such table.
        :raises PolarisSpecError: Druid has no equivalent of the job.
        """
        job = parse_spec(spec)
        table = getattr(job, "target").table_name  # noqa: B009 (each of these jobs has a target)
        kill: tuple[Interval, ...] = ()
        if isinstance(job, DeleteDataJobSpec):
            kill = self._delete(table, job, segments_in({"spec": spec}))
        elif isinstance(job, RestoreDataJobSpec):
            self._restore(table, Interval.parse(job.interval), job.versions)
        elif isinstance(job, DropTableJobSpec):
            log.info("Table %r: %d segments were marked unused.", table, self._tables.mark_all_unused(table))
            kill = () if job.soft_delete else (Interval.ETERNITY,)
        else:
            raise PolarisSpecError(f"a job of type {job.type!r} deletes and restores nothing.")
        return self._record(spec, table, kill)

    def _delete(self, table: str, job: DeleteDataJobSpec, named: tuple[str, ...] | None) -> tuple[Interval, ...]:
        """
        Mark the segments; return the interval of which unused segments are to be removed, if any.

        Segments that were written since the list was read are not marked.
        """
        spans = () if job.delete_all else merge(job.target.spans)
        if not spans and not job.delete_all:
            raise PolarisSpecError("a delete_data job needs target.intervals or deleteAll.")
        if not job.soft_delete and (len(spans) > 1 or job.versions is not None):
            raise PolarisSpecError(
                f"the data of table {table!r} can't be deleted permanently by "
                f"{'one job' if job.versions is None else 'versions'}: Druid removes all unused segments of one "
                "interval. Delete one interval per job, without versions, or set soft_delete=True."
            )
        used = self._tables.used_segments(table, spans)
        if not used and not self._tables.has(table):
            raise self._tables.absent(table)
        if named is not None:
            check_named(table, used, named)
        ids = segments_to_delete(table, used, spans, job.versions)
        log.info("Table %r: %d segments were marked unused.", table, self._tables.mark_unused(table, ids, spans))
        if job.soft_delete:
            return ()
        return spans or (Interval.ETERNITY,)

    def _restore(self, table: str, span: Interval, versions: tuple[str, ...] | None) -> None:
        if versions is None:
            count = self._tables.mark_used(table, span)
        else:
            # OBSERVED(Druid 27): ``versions`` of the request is ignored, and every version is marked.
            unused = self._tables.iter_unused_segments(table, interval=span.to_wire())
            ids = [
                str(segment["id"])
                for segment in unused
                if segment["version"] in versions and span.contains(Interval.parse(str(segment["interval"])))
            ]
            count = self._tables.mark_segments_used(table, ids)
        log.info("Table %r: %d segments were marked used.", table, count)

    def _record(self, spec: Mapping[str, Any], table: str, kill: tuple[Interval, ...]) -> dict[str, Any]:
        key = task_id(query_id(random_marker(), 1))
        body: dict[str, Any] = {
            "type": "noop",
            "dataSource": table,
            "groupId": f"{RECORD_GROUP}{spec.get('type')}",
            "runTime": 1,
        }
        if kill:
            body = {"type": "kill", "dataSource": table, "interval": kill[0].to_wire()}
        context = {SPEC_KEY: {name: value for name, value in spec.items() if name != "context"}}
        try:
            self._tasks.native_task(json_body({**body, "id": key, "context": context}, "task"))
        except PolarisError as error:
            # A repeated request is refused if the first one arrived.
            if key not in self._tasks.get_job_statuses([key]):
                raise
            log.debug("Task %r exists, although its submission failed: %s", key, error)
        try:
            return self._tasks.get_job(key)
        except PolarisNotFoundError:
            return {"id": key, "type": spec.get("type"), "executionStatus": "running", "spec": dict(spec)}
