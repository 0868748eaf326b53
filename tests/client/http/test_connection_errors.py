"""Why no answer came, told from what was raised."""

from __future__ import annotations

import socket
import ssl

import pytest
import requests
import urllib3.exceptions

from airflow_provider_polaris.client.http.connection_errors import classify
from airflow_provider_polaris.client.http.exchange import AnswerError, DeadlineError
from airflow_provider_polaris.client.http.retry import LossKind
from airflow_provider_polaris.client.redaction.redact import Redactor

NOTHING = Redactor()
TIMED_OUT = requests.ReadTimeout(urllib3.exceptions.ReadTimeoutError(None, None, "Read timed out."))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "known", "kind", "sent"),
    [
        (requests.ConnectTimeout("x"), None, LossKind.CONNECT_TIMEOUT, False),
        (TIMED_OUT, None, LossKind.READ_TIMEOUT, True),
        (TIMED_OUT, True, LossKind.READ_TIMEOUT, True),
        (TIMED_OUT, False, LossKind.CONNECT_TIMEOUT, False),
        (requests.exceptions.SSLError(ssl.SSLError(1, "alert")), None, LossKind.TLS, True),
        (requests.exceptions.SSLError(ssl.SSLError(1, "alert")), False, LossKind.TLS, False),
        (requests.ConnectionError(ConnectionResetError(104, "reset")), None, LossKind.BROKEN, True),
        (requests.ConnectionError(ConnectionResetError(104, "reset")), False, LossKind.BROKEN, False),
        (requests.exceptions.ChunkedEncodingError("cut"), True, LossKind.BROKEN, True),
        (requests.exceptions.ContentDecodingError("gzip"), True, LossKind.BROKEN, True),
        (BrokenPipeError(32, "Broken pipe"), True, LossKind.BROKEN, True),
        (requests.ConnectionError(socket.gaierror(-2, "unknown")), None, LossKind.DNS, False),
        (requests.exceptions.ProxyError(OSError("407")), None, LossKind.PROXY, False),
        (requests.exceptions.InvalidProxyURL("bad"), None, LossKind.ADDRESS, False),
        (requests.exceptions.InvalidURL("bad"), None, LossKind.ADDRESS, False),
        (UnicodeError("label too long"), None, LossKind.ADDRESS, False),
        (TypeError("no host"), None, LossKind.ADDRESS, False),
        (requests.exceptions.InvalidSchema("socks"), None, LossKind.ADDRESS, False),
        (OSError("invalid path"), None, LossKind.SETUP, False),
        (requests.exceptions.InvalidHeader("Content-Length"), True, LossKind.BROKEN, True),
        (requests.exceptions.InvalidURL("bad"), True, LossKind.BROKEN, True),
        (requests.exceptions.InvalidURL("bad"), False, LossKind.ADDRESS, False),
        (ValueError("read length must be non-negative"), True, LossKind.BROKEN, True),
        (requests.ConnectionError(DeadlineError("45 s")), True, LossKind.DEADLINE, True),
        (requests.ReadTimeout(DeadlineError("45 s")), False, LossKind.DEADLINE, False),
        (urllib3.exceptions.ProtocolError("broken", AnswerError("large")), True, LossKind.UNACCEPTABLE, True),
    ],
)
def test_loss_has_its_kind_and_says_whether_it_was_sent(
    error: BaseException, known: bool | None, kind: LossKind, sent: bool
) -> None:
    """What is known of the request outranks the exception: what was not begun can't have arrived."""
    loss = classify(error, sent=known, redact=NOTHING)
    assert (loss.kind, loss.sent) == (kind, sent)


def test_loss_reason_is_the_innermost_text_masked() -> None:
    """The layers of requests and urllib3 are peeled off, and secrets masked before anything is cut."""
    inner = ConnectionResetError(104, "Connection reset by hunter22")
    error = requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", inner))
    loss = classify(error, sent=True, redact=Redactor(["hunter22"]))
    assert loss.reason == "[Errno 104] Connection reset by ***"


def test_loss_of_an_error_that_wraps_itself_ends() -> None:
    """A cycle of causes is walked once."""
    error = requests.ConnectionError("round")
    error.__context__ = ValueError(error)
    assert classify(error, sent=None, redact=NOTHING).reason == "round"
