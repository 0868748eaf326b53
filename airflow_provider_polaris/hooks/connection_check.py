# SPDX-License-Identifier: Apache-2.0
"""
Implement the "Test" button of a connection: send real requests and return one text about what works.

A response from the host alone would prove nothing, so each request needs the key, the project and one permission. The
check changes nothing in the project.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import requests

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.client.http.connection_errors import REQUEST_ERRORS, classify
from airflow_provider_polaris.client.http.exchange import Exchange
from airflow_provider_polaris.client.http.retry import NoAnswerKind
from airflow_provider_polaris.client.http.session import PolarisSession
from airflow_provider_polaris.client.redaction.redact import Redactor
from airflow_provider_polaris.client.service import IngestionService
from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisAuthError, PolarisError

#: Seconds for the whole check. The user is waiting, and proxies in front of a UI often end a request after 30 s.
TOTAL_SECONDS = 15.0
CONNECT_SECONDS = 3.0
READ_SECONDS = 5.0


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


class _TooSlowError(PolarisError):
    """Raised when no response arrives within the check's time limit, which is shorter than that of tasks."""


class _DeadlineSession(PolarisSession):
    """
    Shorten the time limits of every request, including those of slow operations.

    :param settings: Settings of the connection, for the message.
    :param deadline: End of the check, on the clock.
    :param clock: Seconds, monotonic.
    """

    def __init__(self, settings: ClientSettings, deadline: float, clock: Callable[[], float]) -> None:
        super().__init__()
        self._settings = settings
        self._deadline = deadline
        self._clock = clock

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request within the remaining time, but with at least one second."""
        left = max(1.0, self._deadline - self._clock())
        connect, read = min(CONNECT_SECONDS, left), min(READ_SECONDS, left)
        limit = min(connect + read, left)
        exchange: Exchange = kwargs["timeout"]
        exchange.set_limits(connect=connect, read=read, limit=limit)
        try:
            return super().send(request, **kwargs)
        except REQUEST_ERRORS as error:
            kind = classify(error, sent=exchange.sent, redact=Redactor()).kind
            if kind is NoAnswerKind.READ_TIMEOUT:
                raise self._too_slow(f"no answer within {read:g} s") from None
            if kind is NoAnswerKind.DEADLINE and exchange.sent:
                raise self._too_slow(f"no complete answer within {limit:g} s") from None
            raise

    def _too_slow(self, what: str) -> _TooSlowError:
        return _TooSlowError(
            f"{self._settings.base_url} accepted the request but sent {what}, the time limit of this check. Try again. "
            f"If it fails again, check host and proxies in connection {self._settings.connection_name!r}."
        )


def check_connection(
    connection_id: str,
    read_settings: Callable[[], ClientSettings],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[bool, str]:
    """
    Test a connection and its permissions; never raises.

    :param connection_id: Id for the message if the connection can't be read.
    :param read_settings: Reads the connection.
    :param clock: Seconds, monotonic.
    :return: Whether jobs can be managed, and a text for the user.
    """
    deadline = clock() + TOTAL_SECONDS
    try:
        settings = read_settings()
        limited = replace(settings, connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retry_budget=0.0)
        with PolarisClient(limited, session=_DeadlineSession(settings, deadline, clock)) as client:
            return _check(client, limited, lambda: clock() >= deadline)
    except PolarisError as error:
        return False, str(error)
    except Exception as error:
        # The user reads a form, not a log. The error's text may quote the connection, so it is omitted.
        return False, (
            f"connection {connection_id!r} can't be tested: {type(error).__name__} while it was read or used. Run "
            f"PolarisHook({connection_id!r}).get_conn() in Python to see the complete error."
        )


def _check(client: IngestionService, settings: ClientSettings, too_late: Callable[[], bool]) -> tuple[bool, str]:
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
        if too_late():
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
    reached = f"Reached project {settings.project_id!r} at {settings.base_url}"
    return True, ". ".join([f"{reached}: {_listed([_JOBS.permission, *works])}", *fails]) + "."


def _listed(names: list[str]) -> str:
    if len(names) < 2:
        return f"{''.join(names)} works"
    return f"{', '.join(names[:-1])} and {names[-1]} work"


def _shown(error: PolarisApiError) -> str:
    return f"{error.status} {error.vendor_message!r}" if error.vendor_message else str(error.status)
