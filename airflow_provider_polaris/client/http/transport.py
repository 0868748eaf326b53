# SPDX-License-Identifier: Apache-2.0
"""Send requests and return responses; the only module that opens connections."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from urllib.parse import urlsplit
from urllib.request import getproxies

import requests

from airflow_provider_polaris.client.http.auth import HeaderAuth
from airflow_provider_polaris.client.http.connection_errors import REQUEST_ERRORS, RequestInfo, classify
from airflow_provider_polaris.client.http.endpoint import Endpoint
from airflow_provider_polaris.client.http.errors import ErrorFactory
from airflow_provider_polaris.client.http.exchange import Exchange
from airflow_provider_polaris.client.http.request import Body, Params, Request, flatten, token_body
from airflow_provider_polaris.client.http.retry import Answer, Outcome, RetryPolicy, is_ambiguous
from airflow_provider_polaris.client.http.session import ACCEPTED_ENCODINGS, PolarisSession
from airflow_provider_polaris.client.http.settings import Credentials, HttpSettings, OAuthSettings, ServiceRules
from airflow_provider_polaris.client.redaction.redact import Redactor, url_secrets
from airflow_provider_polaris.jobs.errors import PolarisError

log = logging.getLogger("airflow_provider_polaris.client")


def utc_now() -> datetime:
    """Return the current time as an aware datetime in UTC."""
    return datetime.now(timezone.utc)


class Transport:
    """
    Send requests with credentials, time limits and retries. Use it in one thread at a time.

    :param settings: Address, TLS, proxies and time limits.
    :param rules: Rules of the service.
    :param session: Session to use instead of a new one. Its adapters must not retry. Only a :class:`PolarisSession`
        enforces the deadline of the whole exchange and the size of a response.
    :param clock: Monotonic seconds.
    :param now: Returns the current time (aware).
    :param sleep: Waits between attempts.
    :param rng: Random numbers for the jitter.
    """

    def __init__(
        self,
        settings: HttpSettings,
        rules: ServiceRules,
        *,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self.rules = rules
        self.now = now
        self.clock = clock
        self._sleep = sleep
        self._rng = rng or random.Random()
        environment = (secret for url in getproxies().values() for secret in url_secrets(url))
        self.redact = Redactor((*settings.secrets(), *environment))
        self.failures = ErrorFactory(settings, rules, self.redact)
        self._policy = RetryPolicy(budget=settings.retry_budget)
        self._session = session or PolarisSession()
        self._credentials = rules.credentials(self)

    def __repr__(self) -> str:
        return f"Transport({self.settings.base_url!r})"

    def close(self) -> None:
        """Close all connections. A later request opens new ones."""
        self._session.close()

    def request(
        self,
        endpoint: Endpoint,
        *,
        name: str | None = None,
        params: Params | None = None,
        body: Body | None = None,
        fresh_connection: bool = False,
        repeat_throttled: bool = True,
        permissions: tuple[str, ...] | None = None,
        permission_note: str = "",
    ) -> Request:
        """
        Build a request.

        :param endpoint: The operation.
        :param name: Variable part of its path.
        :param params: Query parameters.
        :param body: The body; None for none.
        :param fresh_connection: Open a new connection.
        :param repeat_throttled: Retry after a 429.
        :param permissions: Required permissions, if this body needs others than the endpoint.
        :param permission_note: Text appended to the sentence about permissions.
        :raises PolarisSpecError: The name can't be part of a path.
        """
        path = self.rules.path_of(endpoint, name)
        subject = RequestInfo(
            method=endpoint.method,
            path=path,
            url=f"{self.settings.base_url}{path}",
            permissions=endpoint.permissions if permissions is None else permissions,
            noun=endpoint.noun,
            name=name or "",
            repeatable=endpoint.repeatable,
            read_timeout=max(self.settings.read_timeout, endpoint.read_seconds),
            credentials=self._credentials.description(),
            permission_note=permission_note,
        )
        return Request(
            subject,
            self.rules.error_form,
            tuple(flatten(params or {})),
            body,
            fresh_connection,
            repeat_throttled,
            answer_bytes=endpoint.answer_bytes,
        )

    def call(self, request: Request) -> Answer:
        """
        Send a request, retry it where that is safe, and return the successful response.

        :raises PolarisApiError: The service returned an error; the subclass depends on the status.
        :raises PolarisTransportError: No response was received.
        """
        outcome = self.exchange(request)
        if isinstance(outcome, Answer) and outcome.is_success:
            return outcome
        doubt = ""
        if not request.subject.repeatable and is_ambiguous(outcome):
            doubt = "The request may have taken effect. Check that before you send it again."
        raise self.failures.error(request.subject, outcome, now=self.now(), doubt=doubt)

    def error(self, request: Request, outcome: Outcome) -> PolarisError:
        """Return the typed error for an unsuccessful outcome."""
        return self.failures.error(request.subject, outcome, now=self.now())

    def exchange(self, request: Request) -> Outcome:
        """
        Send a request, retry it where that is safe, and return the outcome, including errors.

        :raises PolarisAuthError: No OAuth token was obtained; the request was not sent.
        """
        return self._repeat(request, self._credentials)

    def _repeat(self, request: Request, credentials: Credentials | None) -> Outcome:
        started = self.clock()
        attempt = 0
        asked_again = False
        while True:
            attempt += 1
            header = credentials.header() if credentials else None
            outcome = request.judge(self._attempt(request, header))
            if credentials and header and isinstance(outcome, Answer):
                # After a 401 of the service nothing was carried out, so even a POST may be sent with the other header.
                # A foreign 401 proves nothing.
                may_follow = request.subject.repeatable or not outcome.is_foreign
                if outcome.status == 401 and may_follow and not asked_again and credentials.refused(header):
                    asked_again = True
                    continue
                if _accepts_credentials(outcome):
                    credentials.accepted(header)
            elapsed = self.clock() - started
            delay = self._policy.delay(
                outcome,
                repeatable=request.subject.repeatable,
                attempt=attempt,
                elapsed=elapsed,
                now=self.now(),
                rng=self._rng,
            )
            if delay is None or (_is_throttled(outcome) and not request.repeat_throttled):
                return replace(outcome, attempts=attempt, seconds=elapsed)
            if isinstance(outcome, Answer):
                foreign = ", but not in the service's format" if outcome.is_foreign else ""
                seen = f"answered {outcome.status}{foreign}"
            else:
                seen = f"got no answer ({outcome.kind.value})"
            log.info("%s %s; attempt %d follows in %.1f s", request.subject, seen, attempt + 1, delay)
            self._sleep(delay)

    def _attempt(self, request: Request, header: str | None) -> Outcome:
        """Send one request. Errors are returned as values; no exception of requests leaves this method."""
        body = request.body
        if body is not None:
            body.rewind()
        if request.fresh_connection:
            self._session.close()
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": ACCEPTED_ENCODINGS,
            "User-Agent": self.settings.user_agent,
        }
        if body is not None:
            headers["Content-Type"] = body.content_type
        exchange = Exchange(
            connect=self.settings.connect_timeout,
            read=request.subject.read_timeout,
            limit=self.settings.exchange_timeout,
            answer_bytes=request.answer_bytes,
            clock=self.clock,
        )
        try:
            response = self._session.request(
                request.subject.method,
                request.subject.url,
                params=list(request.params),
                data=body,
                headers=headers,
                auth=HeaderAuth(header),
                timeout=exchange,  # type: ignore[arg-type]  # the stubs don't allow urllib3's own type
                # A redirect would turn a POST into a GET or send the key to another host.
                allow_redirects=False,
                # A copy: requests adds the environment's proxies to this dict.
                proxies=dict(self.settings.proxies or {}),
                verify=self.settings.verify,
            )
            return Answer(response.status_code, response.headers, response.content)
        except REQUEST_ERRORS as exc:
            # The service can't act on a request before it has the body.
            sent = body.started if body is not None else exchange.sent
            return classify(exc, sent=sent, redact=self.redact)

    def fetch_token(self, settings: OAuthSettings) -> bytes:
        """
        Request a token with the client credentials and return the response body (docs.imply.io/polaris/oauth).

        :param settings: Client and token endpoint.
        :raises PolarisError: The endpoint returned no token; the subclass depends on the reason.
        """
        url = settings.oauth_token_url
        subject = RequestInfo(
            method="POST",
            path=urlsplit(url).path,
            url=url,
            read_timeout=settings.read_timeout,
            credentials=f"the OAuth client in connection {settings.connection_name!r}",
        )
        request = Request(subject, self.rules.token_error_form, body=token_body(settings))
        outcome = self._repeat(request, None)
        if isinstance(outcome, Answer) and outcome.is_success:
            return outcome.body
        raise self.failures.token_error(subject, outcome, settings, now=self.now())


def _is_throttled(outcome: Outcome) -> bool:
    return isinstance(outcome, Answer) and outcome.status == 429


def _accepts_credentials(answer: Answer) -> bool:
    """Return whether the service accepted the credentials; a gateway may return 429 or 5xx before it reads them."""
    is_refusal = 400 <= answer.status < 500 and answer.status not in (401, 408, 429)
    return answer.is_success or (is_refusal and not answer.is_foreign)
