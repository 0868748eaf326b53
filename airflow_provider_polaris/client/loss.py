"""Tell from an exception why no answer came; performs no I/O."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3.exceptions

from airflow_provider_polaris.client.envelope import one_line, shorten
from airflow_provider_polaris.client.exchange import AnswerError, DeadlineError
from airflow_provider_polaris.client.redact import Redactor
from airflow_provider_polaris.client.retry import Loss, LossKind

#: Everything that ``requests`` is known to let out of a request.
#: The last two come from addresses that it can't take apart: a label that is too long, a proxy without a host.
REQUEST_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError, TypeError)

_BEFORE_SENDING = frozenset(
    {
        LossKind.DNS,
        LossKind.REFUSED,
        LossKind.CONNECT,
        LossKind.CONNECT_TIMEOUT,
        LossKind.CERTIFICATE,
        LossKind.PROXY,
        LossKind.ADDRESS,
        LossKind.SETUP,
    }
)
_MOST = 30


def classify(error: BaseException, *, sent: bool | None, redact: Redactor) -> Loss:
    """
    Say why a request got no answer and whether it can have arrived.

    :param error: What the request raised.
    :param sent: Whether a byte of the request, or of its body if it has one, may have left; this outranks the
        exception. None if that isn't known: then the exception decides.
    :param redact: Masks secrets in the reason.
    """
    chain = tuple(_chain(error))
    kind = _kind(error, chain, sent)
    if sent is None:
        sent = kind not in _BEFORE_SENDING
    elif sent and kind in _BEFORE_SENDING:
        kind = LossKind.BROKEN  # an answer that the libraries can't take apart raises what a wrong address raises
    return Loss(kind, _reason(kind, chain, redact), sent)


def _kind(error: BaseException, chain: tuple[BaseException, ...], sent: bool | None) -> LossKind:
    def has(*types: type[BaseException]) -> bool:
        return any(isinstance(link, types) for link in chain)

    if has(AnswerError):
        return LossKind.UNACCEPTABLE
    if has(DeadlineError):
        return LossKind.DEADLINE
    # Most specific first: a proxy that can't be resolved is a proxy problem, a refusal is also a NewConnectionError.
    if has(requests.exceptions.InvalidProxyURL):
        return LossKind.ADDRESS
    if has(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError):
        return LossKind.PROXY
    if has(ssl.SSLCertVerificationError):
        return LossKind.CERTIFICATE
    if has(socket.gaierror):
        return LossKind.DNS
    if has(ConnectionRefusedError):
        return LossKind.REFUSED
    if has(urllib3.exceptions.NewConnectionError):
        return LossKind.CONNECT
    if has(urllib3.exceptions.ConnectTimeoutError, requests.ConnectTimeout):
        return LossKind.CONNECT_TIMEOUT
    if has(urllib3.exceptions.ReadTimeoutError, requests.ReadTimeout, TimeoutError):
        # A TLS handshake that hangs is reported as a read time-out too.
        return LossKind.CONNECT_TIMEOUT if sent is False else LossKind.READ_TIMEOUT
    if has(ssl.SSLError, requests.exceptions.SSLError):
        return LossKind.TLS
    if isinstance(error, (ValueError, TypeError)):  # InvalidURL and its like are ValueErrors
        return LossKind.ADDRESS
    if not isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)) and not isinstance(
        error, ConnectionError
    ):
        return LossKind.SETUP  # a bare OSError: the CA bundle or another local file
    return LossKind.BROKEN


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it wraps, outermost first; requests and urllib3 wrap in arguments, too."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        for inner in (*link.args, getattr(link, "reason", None), link.__cause__, link.__context__):
            if isinstance(inner, BaseException):
                waiting.append(inner)


def _reason(kind: LossKind, chain: tuple[BaseException, ...], redact: Redactor) -> str:
    """Return the shortest text that still says why: the innermost one."""
    for link in chain:
        if isinstance(link, (AnswerError, DeadlineError)):
            return redact(str(link))
    for link in reversed(chain):
        if isinstance(link, ssl.SSLCertVerificationError) and link.verify_message:
            return link.verify_message
    if kind is LossKind.CONNECT_TIMEOUT or kind is LossKind.READ_TIMEOUT:
        return "timed out"
    for link in reversed(chain):
        if isinstance(link, (socket.gaierror, ssl.SSLError)) and link.strerror:
            return shorten(redact(one_line(link.strerror)), 200)
    for link in reversed(chain):
        text = one_line(str(link)) if not any(isinstance(arg, BaseException) for arg in link.args) else ""
        if text:
            # urllib3 puts the repr of its connection object before the text.
            text = re.sub(r"^<?\S*(?:Connection|Pool)\S*\(.*?\)>?: ", "", text)
            return shorten(redact(text), 200).rstrip(".")
    return type(chain[0]).__name__
