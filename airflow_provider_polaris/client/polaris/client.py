# SPDX-License-Identifier: Apache-2.0
"""The Polaris client of the package: all API operations on one session."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.client.capabilities import Capabilities
from airflow_provider_polaris.client.http.auth import OAuthCredentials
from airflow_provider_polaris.client.http.endpoint import Endpoint
from airflow_provider_polaris.client.http.settings import Credentials, ServiceRules, TokenSource
from airflow_provider_polaris.client.http.transport import Transport, utc_now
from airflow_provider_polaris.client.joint_reads import SeparateReads
from airflow_provider_polaris.client.polaris.auth import ApiKeyCredentials
from airflow_provider_polaris.client.polaris.endpoints import CREATE_JOB, path_of
from airflow_provider_polaris.client.polaris.error_advice import advise
from airflow_provider_polaris.client.polaris.error_form import is_polaris_error, is_token_error
from airflow_provider_polaris.client.polaris.files import FilesApi
from airflow_provider_polaris.client.polaris.jobs import JobsApi
from airflow_provider_polaris.client.polaris.queries import QueriesApi
from airflow_provider_polaris.client.polaris.settings import ClientSettings
from airflow_provider_polaris.client.polaris.tables import TablesApi
from airflow_provider_polaris.client.service import JobPreview

if TYPE_CHECKING:
    import requests

#: Source: docs.imply.io/polaris/api-manage-job (no idempotency key, a status by id or a list),
#: docs.imply.io/polaris/api-delete-data (a deletion can't be canceled), /api-restore-data, polaris-sdk 20250425.14.0.
POLARIS_CAPABILITIES: Final = Capabilities(
    idempotent_submission=False,
    bulk_status=False,
    cancels_deletions=False,
    exact_deletions=False,
    restores_versions=True,
    soft_delete=True,
    forgets_empty_tables=False,
    percent_progress=True,
)


class PolarisClient(JobsApi, TablesApi, FilesApi, QueriesApi, SeparateReads):
    """
    The Polaris API of one project.

    Reads, cancels and SELECTs are retried after timeouts, broken connections, 408, 429 and 5xx, with exponential
    backoff, full jitter and ``Retry-After``, for at most ``settings.retry_budget`` seconds. A call that must not happen
    twice (submit a job, create a table, upload a file ...) is retried only if it can't have arrived or was rejected
    with a 429. Any call may raise :class:`PolarisApiError` or one of its subclasses for an error status,
    :class:`PolarisTransportError` if no response was received, and :class:`PolarisProtocolError` for a response that
    can't be read or is too large. No message contains a secret.

    Every request is limited: ``settings.exchange_timeout`` limits the time from the connection to the last byte of the
    response, and ``client.polaris.endpoints`` the size of the response.

    Use one client in one thread; :meth:`close` it, or use it in a ``with`` statement.

    :param settings: Address, credentials, TLS and time limits.
    :param session: Session to use instead of a new one, closed with the client. Its adapters must not retry.
    :param clock: Monotonic seconds.
    :param now: Returns the current time (aware).
    :param sleep: Waits between attempts.
    :param rng: Random numbers for the jitter.
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

    @property
    def capabilities(self) -> Capabilities:
        """What Polaris can do."""
        return POLARIS_CAPABILITIES

    @property
    def project_id(self) -> str:
        """Id of the project."""
        return self.settings.project_id

    def preview_job(self, spec: Mapping[str, Any]) -> JobPreview:
        """
        Return the request that :meth:`create_job` would send; makes no request.

        :param spec: The job spec.
        """
        from airflow_provider_polaris.jobs.sql.statement import job_statement

        url = f"{self.settings.base_url}{path_of(CREATE_JOB, self.settings.project_id)}"
        return JobPreview(f"{CREATE_JOB.method} {url}", dict(spec), job_statement(spec))

    def sibling(self) -> PolarisClient:
        """Return another client for another thread, with the same settings."""
        return PolarisClient(self.settings)

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
    """Return Polaris' rules for the requests and responses of one project."""

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
