# SPDX-License-Identifier: Apache-2.0
"""
Implement the "Test" button of a connection: send real requests and return one text about what works.

What is requested depends on the type of the connection; the time limits don't.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import requests

from airflow_provider_polaris.client import ServiceSettings, connect
from airflow_provider_polaris.client.http.connection_errors import REQUEST_ERRORS, classify
from airflow_provider_polaris.client.http.exchange import Exchange
from airflow_provider_polaris.client.http.retry import NoAnswerKind
from airflow_provider_polaris.client.http.session import PolarisSession
from airflow_provider_polaris.client.redaction.redact import Redactor
from airflow_provider_polaris.hooks.connections.settings import ConnectionSettings
from airflow_provider_polaris.jobs.errors import PolarisError

#: Seconds for the whole check. The user is waiting, and proxies in front of a UI often end a request after 30 s.
TOTAL_SECONDS = 15.0
CONNECT_SECONDS = 3.0
READ_SECONDS = 5.0


class _TooSlowError(PolarisError):
    """Raised when no response arrives within the check's time limit, which is shorter than that of tasks."""


class _DeadlineSession(PolarisSession):
    """
    Shorten the time limits of every request, including those of slow operations.

    :param settings: Settings of the connection, for the message.
    :param deadline: End of the check, on the clock.
    :param clock: Seconds, monotonic.
    """

    def __init__(self, settings: ServiceSettings, deadline: float, clock: Callable[[], float]) -> None:
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
    read_settings: Callable[[], ConnectionSettings],
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
        known = read_settings()
        settings = known.client
        limited = replace(settings, connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retry_budget=0.0)
        with connect(limited, session=_DeadlineSession(settings, deadline, clock)) as client:
            return known.check(client, lambda: clock() >= deadline)
    except PolarisError as error:
        return False, str(error)
    except Exception as error:
        # The user reads a form, not a log. The error's text may quote the connection, so it is omitted.
        return False, (
            f"connection {connection_id!r} can't be tested: {type(error).__name__} while it was read or used. Run "
            f"PolarisHook({connection_id!r}).get_client() in Python to see the complete error."
        )
