# SPDX-License-Identifier: Apache-2.0
"""
Test a connection to Imply Polaris.

A response from the host alone would prove nothing, so each request needs the key, the project and one permission. The
check changes nothing in the project.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.client.service import IngestionService
from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisAuthError, PolarisError


@dataclass(frozen=True)
class _Probe:
    """
    One request that needs one permission.

    :param permission: The vendor's name of the permission.
    :param without: What the user can't do without it.
    :param call: Sends the request.
    """

    permission: str
    without: str
    call: Callable[[IngestionService], Any]


# Source: https://docs.imply.io/polaris/api-manage-job, /tables and /api-query name these permissions.
_JOBS = _Probe(
    "ManageIngestionJobs", "no job can be submitted", lambda client: next(client.iter_jobs(page_size=1, limit=1), None)
)
_OTHERS = (
    _Probe("ViewTables", "tables can't be read", lambda client: next(client.iter_tables(), None)),
    _Probe("AccessQueries", "no SQL query can be run", lambda client: client.query("SELECT 1")),
)


def check_polaris(client: PolarisClient, is_late: Callable[[], bool]) -> tuple[bool, str]:
    """
    Test a connection to Polaris and its permissions.

    :param client: The client.
    :param is_late: Returns whether no time is left.
    :return: Whether jobs can be managed, and a text for the user.
    :raises PolarisError: Nothing works.
    """
    denied: PolarisAuthError | None = None
    try:
        _JOBS.call(client)
    except PolarisAuthError as error:
        if error.status != 403:
            raise
        # Project and key are valid. The other permissions distinguish a missing permission from an IP block.
        denied = error
    works, fails = [], []
    for probe in _OTHERS:
        if is_late():
            fails.append(f"{probe.permission} was not tested, because the service answers slowly")
            continue
        try:
            probe.call(client)
        except PolarisApiError as error:
            fails.append(f"{probe.permission} doesn't work ({_shown(error)}), so {probe.without}")
        except PolarisError as error:
            fails.append(f"{probe.permission} is unknown, because {str(error).rstrip('.')}")
        else:
            works.append(probe.permission)
    if denied is not None:
        return False, f"{denied} {_listed(works)}." if works else str(denied)
    reached = f"Reached project {client.project_id!r} at {client.settings.base_url}"
    return True, ". ".join([f"{reached}: {_listed([_JOBS.permission, *works])}", *fails]) + "."


def _listed(names: list[str]) -> str:
    if len(names) < 2:
        return f"{''.join(names)} works"
    return f"{', '.join(names[:-1])} and {names[-1]} work"


def _shown(error: PolarisApiError) -> str:
    return f"{error.status} {error.vendor_message!r}" if error.vendor_message else str(error.status)
