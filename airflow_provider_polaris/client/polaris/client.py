"""The client that the rest of the package uses: all operations on one session."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING

from airflow_provider_polaris.client.http.auth import OAuthCredentials
from airflow_provider_polaris.client.http.endpoint import Endpoint
from airflow_provider_polaris.client.http.settings import Credentials, ServiceRules, TokenSource
from airflow_provider_polaris.client.http.transport import Transport, utc_now
from airflow_provider_polaris.client.polaris.auth import ApiKeyCredentials
from airflow_provider_polaris.client.polaris.endpoints import path_of
from airflow_provider_polaris.client.polaris.error_advice import advise
from airflow_provider_polaris.client.polaris.error_form import is_polaris_error, is_token_error
from airflow_provider_polaris.client.polaris.files import FilesApi
from airflow_provider_polaris.client.polaris.jobs import JobsApi
from airflow_provider_polaris.client.polaris.queries import QueriesApi
from airflow_provider_polaris.client.polaris.settings import ClientSettings
from airflow_provider_polaris.client.polaris.tables import TablesApi

if TYPE_CHECKING:
    import requests


class PolarisClient(JobsApi, TablesApi, FilesApi, QueriesApi):
    """
    The Polaris API of one project.

    Reading calls, cancels and SELECTs are tried again after time-outs, broken connections, 408, 429 and 5xx, with
    exponential waits, full jitter and ``Retry-After``, until ``settings.retry_budget`` seconds are over. A call that
    must not happen twice (submit a job, create a table, upload a file ...) goes out again only if it can't have
    arrived or was refused with a 429. Any call may raise :class:`PolarisApiError` or one of its subclasses for an
    answer with an error status, :class:`PolarisTransportError` for no answer, and :class:`PolarisProtocolError` for
    one that can't be read or is too large; no message has a secret in it.

    Every request ends: ``settings.exchange_timeout`` bounds it from the connection to the last byte of the answer, and
    :mod:`~airflow_provider_polaris.client.polaris.endpoints` the size of its answer.

    Use one client in one thread; :meth:`close` it, or use it in a ``with`` statement.

    :param settings: Where and how.
    :param session: Used instead of a new one, and closed with the client; its adapters must not retry by themselves.
    :param clock: Monotonic seconds.
    :param now: The present, aware.
    :param sleep: Waits between attempts.
    :param rng: For the jitter.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        rules = polaris_rules(settings)
        super().__init__(Transport(settings, rules, session=session, clock=clock, now=now, sleep=sleep, rng=rng))
        self.settings = settings

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def __enter__(self) -> PolarisClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PolarisClient({self.settings.base_url!r}, project_id={self.settings.project_id!r})"


def polaris_rules(settings: ClientSettings) -> ServiceRules:
    """Return what Polaris decides about requests and answers of one project."""

    def write_path(endpoint: Endpoint, name: str | None) -> str:
        return path_of(endpoint, settings.project_id, name)

    def make_credentials(source: TokenSource) -> Credentials:
        if settings.auth != "oauth":
            return ApiKeyCredentials(settings)
        return OAuthCredentials(
            settings,
            fetch=lambda: source.fetch_token(settings),
            clock=source.clock,
            redact=source.redact,
        )

    return ServiceRules("Polaris' API", write_path, make_credentials, advise, is_polaris_error, is_token_error)
