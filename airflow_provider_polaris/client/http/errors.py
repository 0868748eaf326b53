# SPDX-License-Identifier: Apache-2.0
"""Turn an unsuccessful outcome into a typed error with a message; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from airflow_provider_polaris.client.http.connection_errors import RequestInfo, describe_foreign, describe_loss
from airflow_provider_polaris.client.http.error_body import excerpt, first_words, one_line, read_envelope
from airflow_provider_polaris.client.http.retry import Answer, NoAnswer, NoAnswerKind, Outcome, retry_after
from airflow_provider_polaris.client.http.settings import HttpSettings, OAuthSettings, ServiceRules
from airflow_provider_polaris.client.redaction.redact import Redactor
from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisAuthError,
    PolarisError,
    PolarisForeignAnswerError,
    PolarisProtocolError,
    PolarisSpecError,
    PolarisTransportError,
)

#: Statuses that a gateway or proxy in front of the service may return in its own format.
_ANSWERED_BY_EDGES: Final = frozenset({401, 403, 413})
#: Statuses with which a token endpoint rejects client credentials.
_CREDENTIALS_REFUSED: Final = frozenset({400, 401, 403})
#: Limits in characters for the code, the request id and the vendor's text in an error.
_LONGEST_LABEL = 200
_LONGEST_TEXT = 10_000


@dataclass(frozen=True)
class ErrorFactory:
    """
    Create the errors of one client.

    :param settings: Names and limits for the messages.
    :param rules: Name of the service and its advice.
    :param redact: Applied to all external text.
    """

    settings: HttpSettings
    rules: ServiceRules
    redact: Redactor = field(repr=False)

    def error(self, subject: RequestInfo, outcome: Outcome, *, now: datetime, doubt: str = "") -> PolarisError:
        """
        Return the error for an unsuccessful outcome.

        :param subject: The request.
        :param outcome: Its outcome.
        :param now: Current time (aware), for a ``Retry-After`` that is a date.
        :param doubt: Sentence appended to the message.
        """
        if isinstance(outcome, NoAnswer):
            return self._transport_error(subject, outcome, doubt)
        if outcome.is_foreign:
            is_edge = outcome.status in _ANSWERED_BY_EDGES
            meaning = self.rules.advise(subject, outcome.status, self.settings) if is_edge else ""
            return self._foreign_error(subject, outcome, str(subject), self.rules.api, "host", meaning, doubt)
        advice = self.rules.advise(
            subject,
            outcome.status,
            self.settings,
            wait=retry_after(outcome.headers, now),
            location=self.redact(outcome.headers.get("Location") or ""),
        )
        advice = f"{advice} {doubt}".strip()
        kind = PolarisApiError.class_for(outcome.status)
        if outcome.status in (501, 505):
            kind = PolarisApiError  # a retry would get the same status, so this isn't the retryable class
        return self._api_error(kind, str(subject), advice, subject, outcome, now=now)

    def token_error(
        self, subject: RequestInfo, outcome: Outcome, settings: OAuthSettings, *, now: datetime
    ) -> PolarisError:
        """
        Return the error for a token endpoint that returned no token; parameters as in :meth:`error`.

        The caller gets a 401 for every refusal, whatever its own status is. RFC 6749 lets the endpoint answer bad
        client credentials with 400. A 404 of the endpoint must not be mistaken for a missing job or table.
        """
        if isinstance(outcome, NoAnswer):
            return self.error(subject, outcome, now=now)
        head = f"the token endpoint {subject.url}"
        credentials = (
            f"Check client_id {settings.client_id!r} and client_secret in connection {self.settings.connection_name!r}."
        )
        if outcome.is_foreign:
            meaning = credentials if outcome.status in _CREDENTIALS_REFUSED else ""
            return self._foreign_error(subject, outcome, head, "an OAuth token endpoint", "token_url", meaning)
        if not 400 <= outcome.status < 500 or outcome.status in (408, 429):
            return self.error(subject, outcome, now=now)
        advice = credentials
        if outcome.status not in _CREDENTIALS_REFUSED:
            advice = f"Check token_url in connection {self.settings.connection_name!r}."
        error = self._api_error(PolarisAuthError, head, advice, subject, outcome, now=now)
        error.status = 401
        return error

    def unreadable(self, subject: RequestInfo, answer: Answer, problem: str) -> PolarisProtocolError:
        """Return the error for a successful response that can't be read."""
        return PolarisProtocolError(
            f"{subject} answered {answer.status} but {problem}. Check that {self.settings.base_url!r} is "
            f"{self.rules.api} and that no proxy answers in its place."
        )

    def ambiguous(
        self, cause: PolarisError, doubt: str, spec: Mapping[str, Any], *, since: str
    ) -> PolarisAmbiguousSubmitError:
        """
        Return the error for a submission with an unknown outcome.

        :param cause: The error that was observed.
        :param doubt: What the unknown outcome means, and what to do.
        :param spec: The body that was sent.
        :param since: ISO 8601 instant just before the request.
        """
        return PolarisAmbiguousSubmitError(f"{cause} {doubt}", spec=dict(spec), since=since)

    def _api_error(
        self,
        kind: type[PolarisApiError],
        head: str,
        advice: str,
        subject: RequestInfo,
        answer: Answer,
        *,
        now: datetime,
    ) -> PolarisApiError:
        # Mask the body both before and after parsing: a truncated text could end in half a key.
        body = self.redact(answer.body.decode("utf-8", "replace")).encode("utf-8", "replace")
        envelope = read_envelope(body, answer.headers.get("Content-Type") or "")
        code = excerpt(self.redact(envelope.code), _LONGEST_LABEL) if envelope.code else None
        request_id = excerpt(self.redact(answer.headers.get("X-Request-Id") or ""), _LONGEST_LABEL) or None
        said = f"{head} answered {answer.status}{f' {code!r}' if code else ''}"
        if sentence := envelope.sentence():
            said += f": {self.redact(sentence)}"
        elif envelope.remark:
            said += f" with {self.redact(envelope.remark)}"
        message = f"{said}. {advice}".rstrip()
        if answer.attempts > 1 and answer.status != 401:
            message += f" Gave up after {_attempts(answer)}."
        if request_id and answer.status >= 500:
            message += f" Request id {request_id!r}."
        return kind(
            message,
            status=answer.status,
            code=code,
            vendor_message=excerpt(self.redact(envelope.text), _LONGEST_TEXT) if envelope.text else None,
            method=subject.method,
            path=subject.path,
            request_id=request_id,
            retry_after=retry_after(answer.headers, now),
        )

    def _foreign_error(
        self, subject: RequestInfo, answer: Answer, head: str, service: str, field: str, meaning: str, doubt: str = ""
    ) -> PolarisForeignAnswerError:
        """Return the error for a response that the service itself didn't write."""
        page = self.redact(answer.body.decode("utf-8", "replace")).encode("utf-8", "replace")
        message = describe_foreign(
            f"{head} answered {answer.status}",
            service,
            netloc=urlsplit(subject.url).netloc,
            content_type=excerpt(one_line(self.redact(answer.headers.get("Content-Type") or "")), 100),
            words=self.redact(first_words(page)),
            check=f"check {field} and proxies in connection {self.settings.connection_name!r}",
        )
        message = f"{message}{f' It may also mean: {meaning}' if meaning else ''} {doubt}".rstrip()
        if answer.attempts > 1:
            message += f" Gave up after {_attempts(answer)}."
        return PolarisForeignAnswerError(message, status=answer.status)

    def _transport_error(self, subject: RequestInfo, loss: NoAnswer, doubt: str) -> PolarisError:
        message = f"{describe_loss(subject, loss, self.settings)} {doubt}".rstrip()
        if loss.kind is NoAnswerKind.SETUP:
            return PolarisSpecError(message)
        if loss.kind is NoAnswerKind.UNACCEPTABLE:
            return PolarisProtocolError(message)
        if loss.attempts > 1:
            message += f" Gave up after {_attempts(loss)}."
        return PolarisTransportError(message)


def _attempts(outcome: Outcome) -> str:
    return f"{outcome.attempts} attempts in {outcome.seconds:.0f} s"
