# SPDX-License-Identifier: Apache-2.0
"""Certificates: verified, trusted by a bundle, or not verified."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airflow_provider_polaris.jobs.errors import PolarisTransportError
from tests.client.conftest import MakeClient, Reply, Script, Time, scripted, serve

STATUS = "/v1/projects/p1/jobs/j1/status"
SPEC = {"type": "batch", "target": {"type": "table", "tableName": "T"}}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[Script]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serve(context) as httpd, scripted(httpd) as script:
        script.answer(Reply(body={"executionStatus": "running"}))
        yield script


def test_certificate_that_nobody_signed_has_its_sentence(
    make_client: MakeClient, tls_server: Script, time: Time
) -> None:
    """An unknown authority is reported immediately, with the fix."""
    with pytest.raises(PolarisTransportError) as caught:
        make_client(base_url=tls_server.url).get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} was not sent: the TLS certificate of '127.0.0.1' can't be verified (self-signed certificate). "
        "If your network has a certificate authority of its own, set verify in connection 'polaris_default' to the "
        "path of its bundle."
    )
    assert time.delays == []


def test_certificate_in_the_bundle_is_trusted(make_client: MakeClient, tls_server: Script, certificate: Path) -> None:
    """The setting verify accepts a path."""
    client = make_client(base_url=tls_server.url, verify=str(certificate))
    assert client.get_job_status("j1") == "running"


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_certificate_is_not_checked_if_told_so(make_client: MakeClient, tls_server: Script) -> None:
    """verify=False accepts anything."""
    assert make_client(base_url=tls_server.url, verify=False).get_job_status("j1") == "running"


def test_submit_with_a_bad_certificate_was_not_sent(make_client: MakeClient, tls_server: Script) -> None:
    """A failed handshake is unambiguous: the job was not sent."""
    with pytest.raises(PolarisTransportError, match=r"^POST /v1/projects/p1/jobs was not sent: the TLS certificate"):
        make_client(base_url=tls_server.url).create_job(SPEC)
    assert tls_server.seen == []


def test_submit_to_a_port_without_tls_was_not_sent(make_client: MakeClient, server: Script, time: Time) -> None:
    """TLS to an http port fails before the request, so it may be retried."""
    client = make_client(base_url=server.url.replace("http:", "https:"), retry_budget=1)
    with pytest.raises(PolarisTransportError) as caught:
        client.create_job(SPEC)
    text = str(caught.value)
    assert text.startswith(f"POST /v1/projects/p1/jobs failed in TLS with '{server.url.removeprefix('http://')}' (")
    assert text.endswith(
        "). Check that the host in connection 'polaris_default' serves https on that port. Gave up after 2 attempts in "
        "0 s."
    )
    assert time.delays == [0.5]


def test_submit_with_a_handshake_that_hangs_was_not_sent(make_client: MakeClient) -> None:
    """The library reports a read timeout, but nothing of the job was sent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        held: list[socket.socket] = []
        thread = threading.Thread(target=lambda: held.append(silent.accept()[0]))
        thread.start()
        client = make_client(
            base_url=f"https://127.0.0.1:{silent.getsockname()[1]}", connect_timeout=0.2, retry_budget=0
        )
        with pytest.raises(PolarisTransportError) as caught:
            client.create_job(SPEC)
        thread.join(120)
        for connection in held:
            connection.close()
        assert str(caught.value) == (
            f"POST /v1/projects/p1/jobs was not sent: no connection to '127.0.0.1:{silent.getsockname()[1]}' within "
            "0.2 s. A firewall may drop the packets: check host and proxies in connection 'polaris_default'."
        )
