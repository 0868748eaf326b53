# SPDX-License-Identifier: Apache-2.0
"""
Test a connection to a self-hosted Apache Druid.

Each request reads; none changes anything in the cluster. Whether a job may be submitted can't be tried without one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from airflow_provider_polaris.client import DruidClient
from airflow_provider_polaris.client.druid.reads.cluster import TaskSlots
from airflow_provider_polaris.client.druid.translation.slots import LEAST_SLOTS
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisAuthError,
    PolarisError,
    PolarisForeignAnswerError,
)

#: The versions with which this package is tested, the oldest first, and for what.
TESTED_VERSIONS: Final = {"27.0.0": "jobs", "33.0.0": "everything else"}

_RIGHTS: Final = (
    "If Druid checks rights, jobs also need DATASOURCE READ on the tables that they read and DATASOURCE WRITE on those "
    "that they write, which this test can't try."
)
_WITHOUT_STATE: Final = (
    "The right STATE WRITE is missing, so the statuses of waiting tasks are read one by one instead of in one request."
)
#: OBSERVED(Druid 27 with druid-basic-security): the total needs CONFIG READ, and the used slots need STATE READ.
_WITHOUT_CONFIG: Final = (
    "The number of free task slots can't be read, which needs the rights CONFIG READ and STATE READ, so jobs are "
    "submitted without a look at it."
)
_NO_ENGINE: Final = (
    "No job can run, because the multi-stage query engine is not loaded: add 'druid-multi-stage-query' to "
    "druid.extensions.loadList on all processes."
)
_NO_SQL: Final = (
    "Host {!r} is a Druid process that runs no SQL: enter the address of the router, or that of a broker and "
    "coordinator_url."
)
_NEITHER: Final = (
    "Host {!r} is a Druid process that runs neither SQL nor the API of the coordinator and overlord, such as a "
    "historical: enter the address of the router."
)
_NO_PROXY: Final = (
    "Host {!r} doesn't proxy the API of the coordinator and overlord: set druid.router.managementProxy.enabled=true on "
    "the router, or enter the address of the coordinator as coordinator_url."
)
_NO_COORDINATOR: Final = (
    "coordinator_url {!r} has no API of the coordinator and overlord: enter the address of the coordinator."
)


def check_druid(client: DruidClient, is_late: Callable[[], bool]) -> tuple[bool, str]:
    """
    Test a connection to a self-hosted Druid.

    :param client: The client.
    :param is_late: Returns whether no time is left.
    :return: Whether jobs can be managed, and a text for the user.
    :raises PolarisError: The host doesn't answer, isn't Druid, or rejects the credentials.
    """
    version = _read_version(client)
    findings = _Findings(is_late)
    host, coordinator = client.settings.base_url, client.settings.coordinator_url
    if findings.add("SQL queries", lambda: client.query("SELECT 1"), _NO_SQL.format(host)):
        findings.add("multi-stage queries", lambda: _check_engine(client))
    no_proxy = _NO_PROXY.format(host) if coordinator is None else _NO_COORDINATOR.format(coordinator)
    if findings.add("the list of tasks", lambda: _find_running(client), no_proxy):
        findings.add("the list of tables", lambda: next(client.iter_tables(), None), no_proxy)
        findings.add("statuses of many tasks", client.check_bulk_status, forbidden=_WITHOUT_STATE)
        findings.add(
            "task slots",
            lambda: findings.notes.append(_about_slots(client.cluster.slots())),
            forbidden=_WITHOUT_CONFIG,
        )
    if coordinator is None and findings.obstacles == [_NO_SQL.format(host), no_proxy]:
        findings.obstacles = [_NEITHER.format(host)]
    if version is not None and version not in TESTED_VERSIONS:
        findings.notes.append(_about_version(version))
    works = f": {_listed(findings.works)} work" if findings.works else ""
    head = f"Reached Druid{f' {version}' if version else ''} at {host}{works}."
    if findings.obstacles:
        return False, " ".join([head, *findings.obstacles, *findings.notes])
    return True, " ".join([head, *findings.notes, _RIGHTS])


class _Findings:
    """
    The outcomes of the requests.

    :param is_late: Returns whether no time is left.
    """

    def __init__(self, is_late: Callable[[], bool]) -> None:
        self._is_late = is_late
        #: What works.
        self.works: list[str] = []
        #: Sentences about what makes jobs impossible.
        self.obstacles: list[str] = []
        #: Further sentences.
        self.notes: list[str] = []

    def add(self, what: str, call: Callable[[], Any], absent: str | None = None, forbidden: str | None = None) -> bool:
        """
        Send a request and record its outcome.

        :param what: What works if it succeeds.
        :param call: Sends the request.
        :param absent: The obstacle if the process has no such path.
        :param forbidden: The note if the login lacks a right without which jobs run, too.
        :return: False if it failed.
        """
        if self._is_late():
            self.notes.append(f"It was not tested whether {what} work, because Druid answers slowly.")
            return True
        try:
            call()
        except PolarisError as error:
            if forbidden is not None and isinstance(error, PolarisAuthError) and error.status == 403:
                self.notes.append(forbidden)
                return True
            # OBSERVED(Druid 27): a broker, a coordinator and a historical answer 404 or 405 for paths of others.
            is_absent = isinstance(error, PolarisApiError | PolarisForeignAnswerError) and error.status in (404, 405)
            self.obstacles.append(absent if is_absent and absent else str(error))
            return False
        self.works.append(what)
        return True


def _read_version(client: DruidClient) -> str | None:
    """Return the version; None if the login may not read it. The errors are those of the host and the credentials."""
    try:
        return client.cluster.version()
    except PolarisAuthError as error:
        if error.status != 403:
            raise
        return None


def _find_running(client: DruidClient) -> Any:
    return next(client.iter_jobs(execution_status=("running",), limit=1), None)


def _check_engine(client: DruidClient) -> None:
    if not client.cluster.runs_jobs():
        raise PolarisError(_NO_ENGINE)


def _about_version(version: str) -> str:
    number = re.match(r"\d+", version)
    oldest = next(iter(TESTED_VERSIONS))
    tested = " and ".join(f"{each} ({what})" for each, what in TESTED_VERSIONS.items())
    if number is not None and int(number[0]) < int(oldest.partition(".")[0]):
        return f"Druid {version} is older than the oldest version that this package is tested with: {tested}."
    return f"This package is tested with Druid {tested}, not with {version}."


def _about_slots(slots: TaskSlots) -> str:
    if slots.every is None:
        return "The number of task slots is unknown."
    if slots.free is None:
        return (
            f"There are {slots.every} task slots now; it is unknown how many are free, or workers are added on demand."
        )
    text = f"{slots.free} of {slots.every} task slots {'is' if slots.free == 1 else 'are'} free."
    if slots.free >= LEAST_SLOTS:
        return text
    return f"{text} A job needs at least {LEAST_SLOTS} and is submitted when they are free."


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
