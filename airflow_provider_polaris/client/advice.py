"""What happened to a request and what to do about it, in words; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_polaris.client.envelope import shorten
from airflow_provider_polaris.client.hosts import host_of
from airflow_provider_polaris.client.http_settings import HttpSettings
from airflow_provider_polaris.client.redact import without_userinfo
from airflow_provider_polaris.client.retry import Loss, LossKind
from airflow_provider_polaris.client.settings import ClientSettings
from airflow_provider_polaris.jobs.prospects import is_submission


@dataclass(frozen=True)
class Subject:
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


def describe_loss(subject: Subject, loss: Loss, settings: HttpSettings) -> str:
    """Return what happened and what to check, one pair of sentences for each kind of loss."""
    parts = urlsplit(subject.url)
    host, netloc = parts.hostname or "", parts.netloc
    where = f"connection {settings.connection_name!r}"
    unsent = f"{subject} was not sent:"
    bundle = f", and that verify ({settings.verify!r}) is a CA bundle" if isinstance(settings.verify, str) else ""
    sentences = {
        LossKind.DNS: f"{unsent} the name {host!r} can't be resolved ({loss.reason}). "
        f"Check host in {where} and the DNS of this machine.",
        LossKind.REFUSED: f"{unsent} {netloc!r} refused the connection. "
        f"Check host and port in {where}, and that the service (or the emulator) runs.",
        LossKind.CONNECT: f"{unsent} {netloc!r} can't be reached ({loss.reason}). "
        f"Check host in {where} and the network of this machine.",
        LossKind.CONNECT_TIMEOUT: f"{unsent} no connection to {netloc!r} within {settings.connect_timeout:g} s. "
        f"A firewall may swallow the packets: check host and proxies in {where}.",
        LossKind.CERTIFICATE: f"{unsent} the TLS certificate of {host!r} can't be verified ({loss.reason}). If your "
        f"network has a certificate authority of its own, set verify in {where} to the path of its bundle.",
        LossKind.TLS: f"{subject} failed in TLS with {netloc!r} ({loss.reason}). "
        f"Check that the host in {where} speaks https on that port{bundle}.",
        LossKind.PROXY: f"{unsent} the proxy {_proxy(parts.scheme, settings)} can't be used ({loss.reason}). "
        f"Check proxies in {where} and HTTPS_PROXY in the environment.",
        LossKind.READ_TIMEOUT: f"{subject} got no answer from {netloc!r} within {subject.read_timeout:g} s. "
        f"Raise request_timeout in {where} if it needs longer.",
        LossKind.DEADLINE: f"{subject} failed: the answer from {netloc!r} was not complete after {loss.reason}. "
        f"Raise request_timeout in {where} if it needs longer."
        if loss.sent
        else f"{unsent} the connection to {netloc!r} was not complete after {loss.reason}. "
        f"Check host and proxies in {where}.",
        LossKind.UNACCEPTABLE: f"{subject} got an answer from {netloc!r} that can't be used: {loss.reason}. "
        f"Check that it is Polaris' API and that no proxy answers in its place.",
        LossKind.ADDRESS: f"{unsent} the address can't be used ({loss.reason}). "
        f"Check host ({netloc!r}) and proxies in {where}.",
        LossKind.SETUP: f"{unsent} {loss.reason}. "
        f"Check verify in {where} ({settings.verify!r}) and REQUESTS_CA_BUNDLE in the environment.",
        LossKind.BROKEN: f"{subject} lost its connection to {netloc!r} before the answer was complete ({loss.reason}).",
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


def advise(
    subject: Subject, status: int, settings: ClientSettings, *, wait: float | None = None, location: str = ""
) -> str:
    """
    Return what to do about an error status; empty if the vendor's text has to do.

    :param subject: The request.
    :param status: HTTP status.
    :param settings: For names.
    :param wait: Seconds that the answer asks to wait.
    :param location: Where a redirect points, secrets masked.
    """
    connection = f"connection {settings.connection_name!r}"
    if status in (400, 422) and is_submission(subject.method, subject.path):
        return "No job was made of it, nor will be the next time: correct what Polaris names."
    if status == 401:
        return (
            f"Polaris does not accept {subject.credentials}: it may be wrong, expired, revoked or of another "
            "organization."
        )
    if status == 403:
        return _permission(subject)
    if status == 404:
        return _not_found(subject, settings)
    if status == 409:
        return _CONFLICTS.get((subject.method, subject.noun or subject.path.rsplit("/", 1)[-1]), _CONFLICT)
    if status == 413:
        return "The body is larger than the service takes: send less at a time."
    if status == 415:
        return f"Something on the way may have changed the Content-Type header: check proxies in {connection}."
    if status == 429:
        asked = f" The service asks to wait {wait:g} s." if wait is not None else ""
        return f"Too many requests for this project or key.{asked}"
    if 300 <= status < 400:
        target = shorten(host_of(location), 100)
        to = f" to host {target!r}" if target else ""
        return f"The Polaris API does not redirect, so the redirect{to} was not followed: check host in {connection}."
    if status in (405, 406, 501, 505):
        return f"The service at {settings.base_url!r} does not offer this."
    if status >= 500:
        return "The service, or something in front of it, failed."
    return ""


def _permission(subject: Subject) -> str:
    who = subject.credentials
    needs = " and ".join(subject.permissions)
    plural = "permissions" if len(subject.permissions) > 1 else "permission"
    return (
        f"{who[:1].upper()}{who[1:]} needs the {needs} {plural}{subject.permission_note}. "
        "If it has that, a network policy (IP allow list) may keep this machine out."
    )


def _not_found(subject: Subject, settings: ClientSettings) -> str:
    project = settings.project_id
    if subject.noun == "job":
        # docs.imply.io/polaris/manage-ingestion-job
        return (
            f"No job {subject.name!r} in project {project!r}: a job is known in its own project only, and Polaris "
            "deletes finished jobs after 90 days once a project has more than 5000 of them."
        )
    if subject.noun == "query":
        return (
            f"Project {project!r} has nothing for query {subject.name!r}: it may still run, have failed or been "
            "canceled, or be gone."
        )
    if subject.noun:
        return f"No {subject.noun} {subject.name!r} in project {project!r}: check the name and the project."
    return f"Check project_id {project!r} and host {settings.base_url!r} in connection {settings.connection_name!r}."


def _proxy(scheme: str, settings: HttpSettings) -> str:
    """Name the proxy if the connection sets it, without its password."""
    proxies: Mapping[str, Any] = settings.proxies or {}
    url = proxies.get(scheme) or proxies.get("all")
    return repr(without_userinfo(url)) if url else "of the environment"


_CONFLICT = "It clashes with the present state: look at that, then try again."
_CONFLICTS: Mapping[tuple[str, str], str] = {
    ("POST", "tables"): "A table of that name exists, or is being deleted.",
    ("PUT", "table"): "The table has changed since it was read: read it again and send its new version.",
    # docs.imply.io/polaris/api-upload
    ("POST", "files"): "A file of that name exists: delete it or choose another name.",
    ("POST", "jobs"): "Another job or a change of the table stands in the way: look at the table's active jobs.",
}
