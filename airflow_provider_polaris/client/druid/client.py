# SPDX-License-Identifier: Apache-2.0
"""The Druid client of the package: a self-hosted cluster behind the protocol of a service."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.client.capabilities import Capabilities
from airflow_provider_polaris.client.druid.calls import druid_rules
from airflow_provider_polaris.client.druid.capabilities import DRUID_CAPABILITIES
from airflow_provider_polaris.client.druid.deletions import DeletionJobs
from airflow_provider_polaris.client.druid.endpoints import SUBMIT_TASK, path_of
from airflow_provider_polaris.client.druid.queries import QueriesApi, SelectApi
from airflow_provider_polaris.client.druid.reads.cluster import ClusterApi
from airflow_provider_polaris.client.druid.reads.joint import DruidReads
from airflow_provider_polaris.client.druid.reads.recent import Recent
from airflow_provider_polaris.client.druid.reads.slots import SlotClaims
from airflow_provider_polaris.client.druid.settings import DruidSettings
from airflow_provider_polaris.client.druid.submission import Submission
from airflow_provider_polaris.client.druid.tables import TablesApi
from airflow_provider_polaris.client.druid.translation.jobs import DATA_TYPES
from airflow_provider_polaris.client.druid.translation.missing import explain_missing
from airflow_provider_polaris.client.druid.translation.statement import (
    TargetTable,
    TaskRequest,
    needs_target,
    task_request,
)
from airflow_provider_polaris.client.druid.translation.visibility import LONGEST_LOAD, awaited_table, is_visible
from airflow_provider_polaris.client.http.session import PolarisSession
from airflow_provider_polaris.client.http.transport import Transport, utc_now
from airflow_provider_polaris.client.service import JobPreview
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisError,
    PolarisSpecError,
    PolarisThrottledError,
)
from airflow_provider_polaris.jobs.time.interval import Interval

if TYPE_CHECKING:
    import requests

log = logging.getLogger("airflow_provider_polaris.client")

#: Seconds before the task slots are counted again.
_SLOT_SECONDS: Final = 5.0


class DruidClient(DruidReads, SelectApi):
    """
    A self-hosted Druid, with the methods of ``airflow_provider_polaris.client.service``.

    Jobs are tasks of the multi-stage query engine. Retries, limits and errors are those of
    :class:`~airflow_provider_polaris.client.PolarisClient`, with one difference: a job that is submitted with a marker
    may be submitted again after any outcome, because Druid accepts its id only once.

    Use one client in one thread; :meth:`close` it, or use it in a ``with`` statement.

    :param settings: Addresses, credentials, TLS and time limits.
    :param session: Session to use instead of a new one, closed with the client. Its adapters must not retry.
    :param clock: Monotonic seconds.
    :param now: Returns the current time (aware).
    :param sleep: Waits between attempts.
    :param rng: Random numbers for the jitter.
    :param recent: What the clients of the same task have just read; None for a client of its own.
    """

    def __init__(
        self,
        settings: DruidSettings,
        *,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
        recent: Recent | None = None,
    ) -> None:
        if settings.certificate is not None:
            session = session or PolarisSession()
            session.cert = settings.certificate

        def connect(reached: DruidSettings) -> Transport:
            return Transport(reached, druid_rules(reached), session=session, clock=clock, now=now, sleep=sleep, rng=rng)

        self._broker = connect(settings)
        # Without a coordinator_url both are the router, and share its connections.
        super().__init__(self._broker if settings.coordinator_url is None else connect(settings.coordinator))
        self.settings = settings
        #: Requests about the cluster itself.
        self.cluster = ClusterApi(self._broker, self)
        self._queries = QueriesApi(self._broker)
        self._tables: TablesApi = TablesApi(self._transport, self._queries, sleep)
        self._deletions = DeletionJobs(self._tables, self)
        self._recent = recent or Recent(clock)
        self._slots = SlotClaims(self.cluster, self._recent.slots)
        self._submission = Submission(self._broker, self, sleep)
        self._first_seen: dict[str, float] = {}
        self._clock = clock
        self._sleep = sleep

    @property
    def capabilities(self) -> Capabilities:
        """What a self-hosted Druid can do."""
        return DRUID_CAPABILITIES

    @property
    def project_id(self) -> str:
        """Empty: Druid has no projects."""
        return ""

    def sibling(self) -> DruidClient:
        """Return another client for another thread, with the same settings. It shares what this one has just read."""
        return DruidClient(self.settings, clock=self._clock, sleep=self._sleep, recent=self._recent)

    def close(self) -> None:
        """Close all connections."""
        self._broker.close()
        self._transport.close()

    def __enter__(self) -> DruidClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"DruidClient({self.settings.base_url!r})"

    def create_job(self, spec: Mapping[str, Any], *, repeat_throttled: bool = True) -> dict[str, Any]:
        """
        Submit a job, once its task slots are free. A deletion or a restore takes effect before this method returns.

        :param spec: The job spec as a JSON object, with its marker, if any, in its ``context``.
        :param repeat_throttled: Wait for free task slots within the retry budget, and retry after a 429. If False, the
            caller has to retry.
        :return: Description of the job. It may have ended, if Druid already has its marker and number.
        :raises PolarisAmbiguousSubmitError: It is unknown whether the task exists. Submit the same job again.
        :raises PolarisConflictError: The marker and number stand for other work, or are blocked.
        :raises PolarisThrottledError: Too few task slots are free; nothing was submitted.
        :raises PolarisGuardError: A deletion covers only a part of a segment, or the cluster's version can't do it.
        :raises PolarisSpecError: Druid has no equivalent of the job; nothing was submitted.
        """
        if not isinstance(spec, Mapping):
            raise PolarisSpecError(f"a job spec is an object, not {spec!r}.")
        if spec.get("type") in DATA_TYPES:
            return self._deletions.run(spec)
        work = self._work(spec)
        started = self._clock()
        while True:
            try:
                with self._slots.claimed(work.context):
                    return self._submission.submit(work, spec)
            except PolarisThrottledError:
                if not repeat_throttled or self._clock() - started + _SLOT_SECONDS > self.settings.retry_budget:
                    raise
            except PolarisApiError as error:
                raise explain_missing(error, self._tables.has) from error
            self._sleep(_SLOT_SECONDS)

    def preview_job(self, spec: Mapping[str, Any]) -> JobPreview:
        """
        Return the request that :meth:`create_job` would send; reads the target if the SQL depends on it.

        :param spec: The job spec.
        :raises PolarisSpecError: Druid has no equivalent of the job.
        """
        if spec.get("type") in DATA_TYPES:
            return JobPreview(f"{self._deletions.request_line(spec)}, for the segments of this job", dict(spec), None)
        work = self._work(spec)
        request = f"{SUBMIT_TASK.method} {self.settings.base_url}{path_of(SUBMIT_TASK)}"
        return JobPreview(request, {"query": work.sql, "context": dict(work.context)}, work.sql)

    def block_marker(self, marker: str) -> None:
        """
        Make sure that no late submission of a marker creates a task.

        :param marker: Marker of an epoch that is over.
        :raises PolarisConflictError: A task of the marker is active; cancel it first.
        """
        self._submission.block(marker)

    def get_marked_job(self, marker: str) -> dict[str, Any] | None:
        """Return the description of the job with the highest number of a marker; None if Druid has none (yet)."""
        return self._submission.get_marked_job(marker)

    def iter_tables(self) -> Iterator[dict[str, Any]]:
        """Yield the name of each table that has data. Druid's list has nothing else."""
        for name in self._tables.names():
            yield {"name": name}

    def create_table(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """
        Refuse: Druid has no tables without data.

        :raises PolarisSpecError: Always.
        """
        raise PolarisSpecError(
            f"table {body.get('name')!r} can't be created, because Druid has no tables without data: the first job "
            "that writes a table creates it."
        )

    def iter_unused_segments(self, table: str, *, interval: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the segments of a table that are marked unused; see :meth:`TablesApi.iter_unused_segments`."""
        return self._tables.iter_unused_segments(table, interval=interval)

    def iter_current_segments(self, table: str, intervals: Sequence[Interval]) -> Iterator[dict[str, Any]]:
        """Yield the segments whose rows jobs read; see :meth:`TablesApi.iter_current_segments`."""
        return self._tables.iter_current_segments(table, intervals)

    def query(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """
        Run a SELECT and wait for its rows; parameters as in :meth:`QueriesApi.query`.

        :raises PolarisServerError: The broker doesn't know a table or column yet that the coordinator has.
        """
        try:
            return self._queries.query(sql, parameters=parameters, context=context)
        except PolarisApiError as error:
            raise explain_missing(error, self._tables.has) from error

    def start_query(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """
        Start an asynchronous query; parameters and result as in :meth:`QueriesApi.start_query`.

        :raises PolarisThrottledError: Too few task slots are free; nothing was started.
        :raises PolarisServerError: The broker doesn't know a table or column yet that the coordinator has.
        """
        try:
            with self._slots.claimed(context or {}) as claim:
                state = self._queries.start_query(sql, parameters=parameters, context=context)
        except PolarisApiError as error:
            raise explain_missing(error, self._tables.has) from error
        self._recent.slots.rename(claim, state["queryId"])
        return state

    def get_query(self, query_id: str) -> dict[str, Any]:
        """Return the state of an asynchronous query."""
        state = self._queries.get_query(query_id)
        if state["state"] in ("SUCCESS", "FAILED"):
            self._recent.slots.release(query_id)
        return state

    def iter_query_rows(self, query_id: str, *, state: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Yield the rows of an asynchronous query that has succeeded."""
        return self._queries.iter_query_rows(query_id, state=state)

    def cancel_query(self, query_id: str) -> None:
        """Cancel an asynchronous query; no effect on one that has ended."""
        self._queries.cancel_query(query_id)

    def _is_settled(self, job_id: str, task: dict[str, Any], report: dict[str, Any]) -> bool:
        """
        Return whether the rows of a job that has succeeded can be seen, so that whatever follows it finds them.

        The wait is bounded by the time since the end of the query, and by the clock of this client, whose time may
        differ from Druid's.
        """
        table = awaited_table(task, report, self._transport.now())
        since = self._clock() - self._first_seen.setdefault(job_id, self._clock()) if table is not None else 0.0
        if table is not None and since <= LONGEST_LOAD.total_seconds():
            try:
                if not is_visible(task, self._tables.columns(table)):
                    return False
            except PolarisError as error:
                log.debug("It is unknown whether the rows of task %r can be seen: %s", job_id, error)
        self._first_seen.pop(job_id, None)
        return True

    def _work(self, spec: Mapping[str, Any]) -> TaskRequest:
        return task_request(spec, self._target(spec) if needs_target(spec) else None)

    def _target(self, spec: Mapping[str, Any]) -> TargetTable | None:
        """Return what is known about the target; None if it has no data."""
        target = spec.get("target")
        name = target.get("tableName") if isinstance(target, Mapping) else None
        return self._read_target(name) if isinstance(name, str) else None
