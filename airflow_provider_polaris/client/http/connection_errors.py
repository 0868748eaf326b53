# SPDX-License-Identifier: Apache-2.0
"""Classify exceptions of requests that got no response, and describe them; performs no I/O."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from airflow_provider_polaris.client.http.error_body import excerpt, one_line
from airflow_provider_polaris.client.http.exchange import AnswerError, DeadlineError
from airflow_provider_polaris.client.http.retry import NoAnswer, NoAnswerKind
from airflow_provider_polaris.client.http.settings import HttpSettings
from airflow_provider_polaris.client.redaction.redact import Redactor, without_userinfo

#: All exceptions that ``requests`` is known to raise during a request. ``ValueError`` and ``TypeError`` come from
#: addresses that it can't parse: a host label that is too long, a proxy without a host.
REQUEST_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError, TypeError)


_BEFORE_SENDING = frozenset(
    {
        NoAnswerKind.DNS,
        NoAnswerKind.REFUSED,
        NoAnswerKind.CONNECT,
        NoAnswerKind.CONNECT_TIMEOUT,
        NoAnswerKind.CERTIFICATE,
        NoAnswerKind.PROXY,
        NoAnswerKind.ADDRESS,
        NoAnswerKind.SETUP,
    }
)


_MOST = 30


def classify(error: BaseException, *, sent: bool | None, redact: Redactor) -> NoAnswer:
    """
    Return why a request got no response and whether it may have reached the service.

    :param error: What the request raised.
    :param sent: Whether a byte of the request (of its body, if it has one) may have been sent. This overrides the
        exception. If None (unknown), the exception decides.
    :param redact: Masks secrets in the reason.
    """
    chain = tuple(_chain(error))
    kind = _kind(error, chain, sent)
    if sent is None:
        sent = kind not in _BEFORE_SENDING
    elif sent and kind in _BEFORE_SENDING:
        kind = NoAnswerKind.BROKEN  # a malformed response raises the same exception as a wrong address
    return NoAnswer(kind, _reason(kind, chain, redact), sent)


def _kind(error: BaseException, chain: tuple[BaseException, ...], sent: bool | None) -> NoAnswerKind:
    def has(*types: type[BaseException]) -> bool:
        return any(isinstance(link, types) for link in chain)

    if has(AnswerError):
        return NoAnswerKind.UNACCEPTABLE
    if has(DeadlineError):
        return NoAnswerKind.DEADLINE
    # Most specific first: an unresolved proxy is a proxy error, and a refused connection is also a NewConnectionError.
    if has(requests.exceptions.InvalidProxyURL):
        return NoAnswerKind.ADDRESS
    if has(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError):
        return NoAnswerKind.PROXY
    if has(ssl.SSLCertVerificationError):
        return NoAnswerKind.CERTIFICATE
    if has(socket.gaierror):
        return NoAnswerKind.DNS
    if has(ConnectionRefusedError):
        return NoAnswerKind.REFUSED
    if has(urllib3.exceptions.NewConnectionError):
        return NoAnswerKind.CONNECT
    if has(urllib3.exceptions.ConnectTimeoutError, requests.ConnectTimeout):
        return NoAnswerKind.CONNECT_TIMEOUT
    if has(urllib3.exceptions.ReadTimeoutError, requests.ReadTimeout, TimeoutError):
        # A TLS handshake that times out is reported as a read timeout, too.
        return NoAnswerKind.CONNECT_TIMEOUT if sent is False else NoAnswerKind.READ_TIMEOUT
    if has(ssl.SSLError, requests.exceptions.SSLError):
        return NoAnswerKind.TLS
    if isinstance(error, (ValueError, TypeError)):  # InvalidURL and similar errors are ValueErrors
        return NoAnswerKind.ADDRESS
    if not isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)) and not isinstance(
        error, ConnectionError
    ):
        return NoAnswerKind.SETUP  # a bare OSError: the CA bundle or another local file
    return NoAnswerKind.BROKEN


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes, outermost first; requests and urllib3 also put causes into arguments."""
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


def _reason(kind: NoAnswerKind, chain: tuple[BaseException, ...], redact: Redactor) -> str:
    """Return the text of the innermost error; it is the shortest that gives the cause."""
    for link in chain:
        if isinstance(link, (AnswerError, DeadlineError)):
            return redact(str(link))
    for link in reversed(chain):
        if isinstance(link, ssl.SSLCertVerificationError) and link.verify_message:
            return link.verify_message
    if kind is NoAnswerKind.CONNECT_TIMEOUT or kind is NoAnswerKind.READ_TIMEOUT:
        return "timed out"
    for link in reversed(chain):
        if isinstance(link, (socket.gaierror, ssl.SSLError)) and link.strerror:
            return excerpt(redact(one_line(link.strerror)), 200)
    for link in reversed(chain):
        text = one_line(str(link)) if not any(isinstance(arg, BaseException) for arg in link.args) else ""
        if text:
            # urllib3 puts the repr of its connection object before the text.
            text = re.sub(r"^<?\S*(?:Connection|Pool)\S*\(.*?\)>?: ", "", text)
            return excerpt(redact(text), 200).rstrip(".")
    return type(chain[0]).__name__


@dataclass(frozen=True)
class RequestInfo:
    """
    Describe a request for error messages.

    :param method: HTTP method.
    :param path: Path without host and query.
    :param url: URL without query.
    :param permissions: Permissions that the credentials need.
    :param noun: Type of the resource (``job``, ``table`` ...); empty for a collection.
    :param name: Job id, table name ...
    :param repeatable: Whether the request is idempotent.
    :param read_timeout: Read timeout in seconds.
    :param credentials: ``the API key in connection 'polaris_default'``.
    :param permission_note: Text appended to the sentence about permissions.
    """

    method: str
    path: str
    url: str
    permissions: tuple[str, ...] = ()
    noun: str = ""
    name: str = ""
    repeatable: bool = True
    read_timeout: float = 20.0
    credentials: str = ""
    permission_note: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def describe_loss(subject: RequestInfo, loss: NoAnswer, settings: HttpSettings) -> str:
    """Return what happened and what to check, for each kind of connection error."""
    parts = urlsplit(subject.url)
    host, netloc = parts.hostname or "", parts.netloc
    where = f"connection {settings.connection_name!r}"
    unsent = f"{subject} was not sent:"
    bundle = f", and that verify ({settings.verify!r}) is a CA bundle" if isinstance(settings.verify, str) else ""
    sentences = {
        NoAnswerKind.DNS: f"{unsent} the name {host!r} can't be resolved ({loss.reason}). "
        f"Check host in {where} and the DNS of this machine.",
        NoAnswerKind.REFUSED: f"{unsent} {netloc!r} refused the connection. "
        f"Check host and port in {where}, and that the service (or the emulator) runs.",
        NoAnswerKind.CONNECT: f"{unsent} {netloc!r} can't be reached ({loss.reason}). "
        f"Check host in {where} and the network of this machine.",
        NoAnswerKind.CONNECT_TIMEOUT: f"{unsent} no connection to {netloc!r} within {settings.connect_timeout:g} s. "
        f"A firewall may drop the packets: check host and proxies in {where}.",
        NoAnswerKind.CERTIFICATE: f"{unsent} the TLS certificate of {host!r} can't be verified ({loss.reason}). If "
        f"your "
        f"network has a certificate authority of its own, set verify in {where} to the path of its bundle.",
        NoAnswerKind.TLS: f"{subject} failed in TLS with {netloc!r} ({loss.reason}). "
        f"Check that the host in {where} serves https on that port{bundle}.",
        NoAnswerKind.PROXY: f"{unsent} the proxy {_proxy(parts.scheme, settings)} can't be used ({loss.reason}). "
        f"Check proxies in {where} and HTTPS_PROXY in the environment.",
        NoAnswerKind.READ_TIMEOUT: f"{subject} got no answer from {netloc!r} within {subject.read_timeout:g} s. "
        f"Raise request_timeout in {where} if it needs longer.",
        NoAnswerKind.DEADLINE: f"{subject} failed: the answer from {netloc!r} was not complete after {loss.reason}. "
        f"Raise request_timeout in {where} if it needs longer."
        if loss.sent
        else f"{unsent} the connection to {netloc!r} was not complete after {loss.reason}. "
        f"Check host and proxies in {where}.",
        NoAnswerKind.UNACCEPTABLE: f"{subject} got an answer from {netloc!r} that can't be used: {loss.reason}. "
        f"Check that it is Polaris' API and that no proxy answers in its place.",
        NoAnswerKind.ADDRESS: f"{unsent} the address can't be used ({loss.reason}). "
        f"Check host ({netloc!r}) and proxies in {where}.",
        NoAnswerKind.SETUP: f"{unsent} {loss.reason}. "
        f"Check verify in {where} ({settings.verify!r}) and REQUESTS_CA_BUNDLE in the environment.",
        NoAnswerKind.BROKEN: f"{subject} lost its connection to {netloc!r} before the answer was complete "
        f"({loss.reason}).",
    }
    return sentences[loss.kind]


def describe_foreign(answered: str, service: str, *, netloc: str, content_type: str, words: str, check: str) -> str:
    """
    Return the message for an error response that the service itself didn't write.

    :param answered: The request and its status.
    :param service: The service that should have answered.
    :param netloc: Host and port of the request.
    :param content_type: Content type of the response; empty if it has none.
    :param words: Beginning of the response text; empty if it has no text.
    :param check: What to check.
    """
    kind = repr(content_type) if content_type else "no content type"
    page = f"the text begins {words!r}" if words else "the body has no text"
    return (
        f"{answered}, but this isn't {service}: host {netloc!r} sent {kind}, and {page}. A proxy, an ingress or "
        f"another service answered in its place: {check}."
    )


def _proxy(scheme: str, settings: HttpSettings) -> str:
    """Return the proxy that the connection sets, without its password."""
    proxies: Mapping[str, Any] = settings.proxies or {}
    url = proxies.get(scheme) or proxies.get("all")
    return repr(without_userinfo(url)) if url else "of the environment"
