# SPDX-License-Identifier: Apache-2.0
"""
Describe tables and a job that has ended, with requests that a task sends at the same time.

No single request of Druid describes a table or a job. One SQL statement over the system tables is enough for all tables
of a task; rollup and measures are in the metadata of the segments, and retention is in the coordinator's rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from airflow_provider_polaris.client.druid.queries import QueriesApi
from airflow_provider_polaris.client.druid.reads.recent import Recent
from airflow_provider_polaris.client.druid.reads.slots import SlotClaims
from airflow_provider_polaris.client.druid.tables import TablesApi
from airflow_provider_polaris.client.druid.tasks import TasksApi
from airflow_provider_polaris.client.druid.translation import reports
from airflow_provider_polaris.client.druid.translation.statement import TargetTable
from airflow_provider_polaris.client.druid.translation.supervisors import PREFIX
from airflow_provider_polaris.client.druid.translation.tables import StoredTable, describe_table, metadata_of
from airflow_provider_polaris.client.joint_reads import Description, JointRead, SeparateReads, answer_of


class DruidReads(TasksApi):
    """The joint reads of a cluster; a base of the client, which has the attributes."""

    _tables: TablesApi
    _queries: QueriesApi
    _slots: SlotClaims
    _recent: Recent

    def get_table(self, name: str) -> dict[str, Any]:
        """
        Return the description of a table: three requests, one after the other; two for a table that doesn't exist.

        :param name: Its name.
        :raises PolarisNotFoundError: The table has no used segments.
        """
        stored = self._tables.stored([name])[name]
        if stored is None:
            raise self._tables.absent(name)
        metadata = self._queries.segment_metadata(name) if stored.columns else ()
        return describe_table(name, stored, metadata, self._tables.rules(name))

    def table_reads(self, names: Sequence[str], *, target: str, will_submit: bool) -> JointRead[dict[str, Description]]:
        """
        Return the requests that describe tables: two for all of them, and one for the rules of the target.

        If a job will be submitted, the task slots are looked at, too: for the counts and the job, which start soon.
        """
        requests: list[Callable[[DruidReads], Any]] = [
            lambda client: client._stored_tables(names),
            lambda client: client._queries.segment_metadata(*names),
        ]
        if target in names:
            requests.append(lambda client: client._tables.rules(target))
        if will_submit:
            requests.append(lambda client: client._slots.look())

        def join(client: DruidReads, answers: Sequence[Future[Any]]) -> dict[str, Description]:
            def describe(name: str) -> dict[str, Any]:
                stored = answers[0].result()[name]
                if stored is None:
                    raise client._tables.absent(name)
                metadata = answers[1].result() if stored.columns else ()
                own = metadata if len(names) == 1 else metadata_of(name, metadata)
                return describe_table(name, stored, own, answers[2].result() if name == target else ())

            return {name: answer_of(partial(describe, name)) for name in names}

        return JointRead(tuple(requests), join)

    def _stored_tables(self, names: Sequence[str]) -> dict[str, StoredTable | None]:
        """
        Return what the system tables say about tables, and remember it for the statement of a job.

        :param names: Names of the tables, each once.
        :return: By name; None for a table that has no used segments.
        """
        found = self._tables.stored(names)
        for name, stored in found.items():
            self._recent.keep(name, _target(stored))
        return found

    def _read_target(self, name: str) -> TargetTable | None:
        """
        Return what the statement of a job depends on: as it was read in the last seconds, or with a request.

        :param name: Name of the target.
        :return: None if the table has no used segments.
        """
        try:
            return self._recent.take_target(name)
        except KeyError:
            return _target(self._tables.stored([name])[name])

    def job_reads(self, job_id: str) -> JointRead[dict[str, Any]]:
        """
        Return three requests. The report is only tried: that of a running task comes from the task's own process.

        A report from before the end is requested again, because the job may have ended between two of the requests.
        """
        if job_id.startswith(PREFIX):
            return SeparateReads().job_reads(job_id)

        def join(client: DruidReads, answers: Sequence[Future[Any]]) -> dict[str, Any]:
            status, task, report = answers
            known = report.result() if report.exception() is None and reports.has_ended(report.result()) else None
            return client.describe_task(job_id, task.result(), status.result(), known)

        return JointRead(_task_requests(job_id, is_final=True), join)

    def end_reads(self, job_id: str) -> JointRead[tuple[Description, Description]]:
        """Return three requests: the report is read once for description and metrics."""
        if job_id.startswith(PREFIX):
            return SeparateReads().end_reads(job_id)

        def join(client: DruidReads, answers: Sequence[Future[Any]]) -> tuple[Description, Description]:
            status, task, report = answers
            return (
                answer_of(lambda: client.describe_task(job_id, task.result(), status.result(), report.result())),
                answer_of(lambda: reports.metrics(report.result())),
            )

        return JointRead(_task_requests(job_id, is_final=False), join)


def _task_requests(job_id: str, *, is_final: bool) -> tuple[Callable[[DruidReads], Any], ...]:
    """Return the requests for status, payload and report; a failure of the report that is final is not retried."""
    return (
        lambda client: client.task_status(job_id),
        lambda client: client.task_payload(job_id),
        lambda client: client.task_report(job_id, is_final=is_final),
    )


def _target(stored: StoredTable | None) -> TargetTable | None:
    return None if stored is None else TargetTable(stored.partitioning, stored.column_names)
