# SPDX-License-Identifier: Apache-2.0
"""Classify why no answer arrived, from the raised exception."""

from __future__ import annotations

import socket
import ssl

import pytest
import requests
import urllib3.exceptions

from airflow_provider_polaris.client.http.connection_errors import classify
from airflow_provider_polaris.client.http.exchange import AnswerError, DeadlineError
from airflow_provider_polaris.client.http.retry import NoAnswerKind
from airflow_provider_polaris.client.redaction.redact import Redactor

NOTHING = Redactor()
TIMED_OUT = requests.ReadTimeout(urllib3.exceptions.ReadTimeoutError(None, None, "Read timed out."))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "known", "kind", "sent"),
    [
        (requests.ConnectTimeout("x"), None, NoAnswerKind.CONNECT_TIMEOUT, False),
        (TIMED_OUT, None, NoAnswerKind.READ_TIMEOUT, True),
        (TIMED_OUT, True, NoAnswerKind.READ_TIMEOUT, True),
        (TIMED_OUT, False, NoAnswerKind.CONNECT_TIMEOUT, False),
        (requests.exceptions.SSLError(ssl.SSLError(1, "alert")), None, NoAnswerKind.TLS, True),
        (requests.exceptions.SSLError(ssl.SSLError(1, "alert")), False, NoAnswerKind.TLS, False),
        (requests.ConnectionError(ConnectionResetError(104, "reset")), None, NoAnswerKind.BROKEN, True),
        (requests.ConnectionError(ConnectionResetError(104, "reset")), False, NoAnswerKind.BROKEN, False),
        (requests.exceptions.ChunkedEncodingError("cut"), True, NoAnswerKind.BROKEN, True),
        (requests.exceptions.ContentDecodingError("gzip"), True, NoAnswerKind.BROKEN, True),
        (BrokenPipeError(32, "Broken pipe"), True, NoAnswerKind.BROKEN, True),
        (requests.ConnectionError(socket.gaierror(-2, "unknown")), None, NoAnswerKind.DNS, False),
        (requests.exceptions.ProxyError(OSError("407")), None, NoAnswerKind.PROXY, False),
        (requests.exceptions.InvalidProxyURL("bad"), None, NoAnswerKind.ADDRESS, False),
        (requests.exceptions.InvalidURL("bad"), None, NoAnswerKind.ADDRESS, False),
        (UnicodeError("label too long"), None, NoAnswerKind.ADDRESS, False),
        (TypeError("no host"), None, NoAnswerKind.ADDRESS, False),
        (requests.exceptions.InvalidSchema("socks"), None, NoAnswerKind.ADDRESS, False),
        (OSError("invalid path"), None, NoAnswerKind.SETUP, False),
        (requests.exceptions.InvalidHeader("Content-Length"), True, NoAnswerKind.BROKEN, True),
        (requests.exceptions.InvalidURL("bad"), True, NoAnswerKind.BROKEN, True),
        (requests.exceptions.InvalidURL("bad"), False, NoAnswerKind.ADDRESS, False),
        (ValueError("read length must be non-negative"), True, NoAnswerKind.BROKEN, True),
        (requests.ConnectionError(DeadlineError("45 s")), True, NoAnswerKind.DEADLINE, True),
        (requests.ReadTimeout(DeadlineError("45 s")), False, NoAnswerKind.DEADLINE, False),
        (urllib3.exceptions.ProtocolError("broken", AnswerError("large")), True, NoAnswerKind.UNACCEPTABLE, True),
    ],
)
def test_loss_has_its_kind_and_says_whether_it_was_sent(
    error: BaseException, known: bool | None, kind: NoAnswerKind, sent: bool
) -> None:
    """The state of the request overrides the exception: a request that was not begun can't have arrived."""
    loss = classify(error, sent=known, redact=NOTHING)
    assert (loss.kind, loss.sent) == (kind, sent)


def test_loss_reason_is_the_innermost_text_masked() -> None:
    """The layers of requests and urllib3 are removed, and secrets are masked before any truncation."""
    inner = ConnectionResetError(104, "Connection reset by hunter22")
    error = requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", inner))
    loss = classify(error, sent=True, redact=Redactor(["hunter22"]))
    assert loss.reason == "[Errno 104] Connection reset by ***"


def test_loss_of_an_error_that_wraps_itself_ends() -> None:
    """A cycle of causes is followed once."""
    error = requests.ConnectionError("round")
    error.__context__ = ValueError(error)
    assert classify(error, sent=None, redact=NOTHING).reason == "round"
