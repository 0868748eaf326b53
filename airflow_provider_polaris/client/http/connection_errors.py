"""Tell from an exception why no answer came; performs no I/O."""

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

from airflow_provider_polaris.client.http.error_body import one_line, shorten
from airflow_provider_polaris.client.http.exchange import AnswerError, DeadlineError
from airflow_provider_polaris.client.http.retry import NoAnswer, NoAnswerKind
from airflow_provider_polaris.client.http.settings import HttpSettings
from airflow_provider_polaris.client.redaction.redact import Redactor, without_userinfo

#: Everything that ``requests`` is known to let out of a request.
#: The last two come from addresses that it can't take apart: a label that is too long, a proxy without a host.
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
        kind = NoAnswerKind.BROKEN  # an answer that the libraries can't take apart raises what a wrong address raises
    return NoAnswer(kind, _reason(kind, chain, redact), sent)


def _kind(error: BaseException, chain: tuple[BaseException, ...], sent: bool | None) -> NoAnswerKind:
    def has(*types: type[BaseException]) -> bool:
        return any(isinstance(link, types) for link in chain)

    if has(AnswerError):
        return NoAnswerKind.UNACCEPTABLE
    if has(DeadlineError):
        return NoAnswerKind.DEADLINE
    # Most specific first: a proxy that can't be resolved is a proxy problem, a refusal is also a NewConnectionError.
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
        # A TLS handshake that hangs is reported as a read time-out too.
        return NoAnswerKind.CONNECT_TIMEOUT if sent is False else NoAnswerKind.READ_TIMEOUT
    if has(ssl.SSLError, requests.exceptions.SSLError):
        return NoAnswerKind.TLS
    if isinstance(error, (ValueError, TypeError)):  # InvalidURL and its like are ValueErrors
        return NoAnswerKind.ADDRESS
    if not isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)) and not isinstance(
        error, ConnectionError
    ):
        return NoAnswerKind.SETUP  # a bare OSError: the CA bundle or another local file
    return NoAnswerKind.BROKEN


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


def _reason(kind: NoAnswerKind, chain: tuple[BaseException, ...], redact: Redactor) -> str:
    """Return the shortest text that still says why: the innermost one."""
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
            return shorten(redact(one_line(link.strerror)), 200)
    for link in reversed(chain):
        text = one_line(str(link)) if not any(isinstance(arg, BaseException) for arg in link.args) else ""
        if text:
            # urllib3 puts the repr of its connection object before the text.
            text = re.sub(r"^<?\S*(?:Connection|Pool)\S*\(.*?\)>?: ", "", text)
            return shorten(redact(text), 200).rstrip(".")
    return type(chain[0]).__name__


@dataclass(frozen=True)
class RequestInfo:
    """
    What a request was about, as far as a sentence needs it.

    :param method: HTTP method.
    :param path: Path without host and query.
    :param url: Where it went, without query.
    :param permissions: What the credentials must be allowed.
    :param noun: What ``name`` names (``job``, ``table`` ...); empty for a collection.
    :param name: The job id, table name ...
    :param repeatable: Whether it may be sent twice without harm.
    :param read_timeout: Seconds that were granted.
    :param credentials: ``the API key in connection 'polaris_default'``.
    :param permission_note: A further part of the sentence on permissions.
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
    """Return what happened and what to check, one pair of sentences for each kind of loss."""
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
        f"A firewall may swallow the packets: check host and proxies in {where}.",
        NoAnswerKind.CERTIFICATE: f"{unsent} the TLS certificate of {host!r} can't be verified ({loss.reason}). If "
        f"your "
        f"network has a certificate authority of its own, set verify in {where} to the path of its bundle.",
        NoAnswerKind.TLS: f"{subject} failed in TLS with {netloc!r} ({loss.reason}). "
        f"Check that the host in {where} speaks https on that port{bundle}.",
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
    Return what to make of an error that the service itself didn't write.

    :param answered: Request and status.
    :param service: What should have answered.
    :param netloc: Host and port that were asked.
    :param content_type: Of the answer; empty if it has none.
    :param words: How the text of the answer begins; empty if it has no text.
    :param check: What to check.
    """
    kind = repr(content_type) if content_type else "no content type"
    page = f"the text begins {words!r}" if words else "the body has no text"
    return (
        f"{answered}, but this isn't {service}: host {netloc!r} sent {kind}, and {page}. A proxy, an ingress or "
        f"another service answered in its place: {check}."
    )


def _proxy(scheme: str, settings: HttpSettings) -> str:
    """Name the proxy if the connection sets it, without its password."""
    proxies: Mapping[str, Any] = settings.proxies or {}
    url = proxies.get(scheme) or proxies.get("all")
    return repr(without_userinfo(url)) if url else "of the environment"
