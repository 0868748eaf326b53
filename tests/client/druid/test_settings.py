# SPDX-License-Identifier: Apache-2.0
"""Settings of a self-hosted Druid: addresses, credentials, and what must not be sent unencrypted."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.client.druid.auth import DruidCredentials
from airflow_provider_polaris.client.druid.settings import DruidSettings
from airflow_provider_polaris.jobs.errors import PolarisSpecError


def make(host: str = "https://router.example.com:8888", **fields: Any) -> DruidSettings:
    return DruidSettings.from_host(host, connection_name="d", **fields)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("router.example.com", "https://router.example.com"),
        (" router.example.com:9088 ", "https://router.example.com:9088"),
        ("localhost:8888", "http://localhost:8888"),
        ("127.0.0.1", "http://127.0.0.1"),
        ("[::1]:8888", "http://[::1]:8888"),
        ("http://10.0.0.7:8888/", "http://10.0.0.7:8888"),
        ("http://10.0.0.7:8888/unified-console.html#workbench", "http://10.0.0.7:8888"),
        ("https://proxy.example.com/druid-prod/", "https://proxy.example.com/druid-prod"),
        ("https://proxy.example.com/druid-prod/druid/v2/sql", "https://proxy.example.com/druid-prod"),
        ("https://router.example.com/status/health", "https://router.example.com"),
    ],
)
def test_address_is_read_in_every_form_that_users_paste(text: str, url: str) -> None:
    """Console pages and API paths are dropped; a prefix of a reverse proxy is kept."""
    assert make(text).base_url == url


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"host": " "},
            "connection 'd' has no host. Enter the address of the router, such as https://router.example.com:8888.",
        ),
        (
            {"host": "https://u:p@router"},
            (
                "the host of connection 'd' contains a user name or password, which would be logged: remove it and "
                "use the "
                "login and password fields."
            ),
        ),
        (
            {"host": "ftp://router"},
            "host 'ftp://router' of connection 'd' starts with 'ftp': only https (or http) is supported.",
        ),
        (
            {"host": "http://a b"},
            (
                "host 'http://a b' of connection 'd' has no valid host name. Enter the address of the router, such as "
                "https://router.example.com:8888."
            ),
        ),
        (
            {"coordinator_url": "http://c:99999"},
            (
                "coordinator_url 'http://c:99999' of connection 'd' can't be read as an address: Port out of range "
                "0-65535. "
                "Enter the address of the router, such as https://router.example.com:8888."
            ),
        ),
        (
            {"auth": "kerberos"},
            (
                "connection 'd' uses auth 'kerberos', which is not supported: put a proxy that authenticates with "
                "Kerberos "
                "in front of the router, enter the proxy's address as host, and set auth to the method that the proxy "
                "accepts ('none', 'basic' or 'bearer')."
            ),
        ),
        ({"auth": "digest"}, "auth 'digest' of connection 'd' is unknown: use 'none', 'basic' or 'bearer'."),
        (
            {"password": "s3cret"},
            (
                "connection 'd' has a password but no login: enter the login, set auth to 'bearer' if the password "
                "is a "
                "token, or remove the password."
            ),
        ),
        ({"login": "u"}, "connection 'd' uses auth 'basic' but has no password."),
        ({"auth": "bearer"}, "connection 'd' uses auth 'bearer' but has no password."),
        (
            {"login": "a:b", "password": "p"},
            "the login of connection 'd' contains a colon, which basic auth can't send.",
        ),
        (
            {"auth": "bearer", "password": "tökén"},
            "the token of connection 'd' is invalid: it contains a character that is not visible ASCII. Copy it again.",
        ),
        (
            {"host": "http://router:8888", "login": "u", "password": "p"},
            (
                "host 'http://router:8888' of connection 'd' would send the credentials unencrypted: use https. Only a "
                "loopback address such as 127.0.0.1 may use http with a login or token."
            ),
        ),
        (
            {"coordinator_url": "http://coordinator:8081", "login": "u", "password": "p"},
            (
                "coordinator_url 'http://coordinator:8081' of connection 'd' would send the credentials unencrypted: "
                "use "
                "https. Only a loopback address such as 127.0.0.1 may use http with a login or token."
            ),
        ),
        (
            {"host": "127.0.0.1", "login": "u", "password": "p", "proxies": {"http": "http://x:y@proxy:3128"}},
            (
                "proxy 'http://***@proxy:3128' of connection 'd' would get the credentials unencrypted, because the "
                "host or "
                "coordinator_url uses http: use https or remove the proxy."
            ),
        ),
        (
            {"proxies": {"https": "http://"}},
            "proxy 'http://' of connection 'd' has no host: write it as http://proxy.example.com:3128.",
        ),
        ({"read_timeout": 0}, "read_timeout 0 of connection 'd' must be a number of seconds above 0."),
    ],
)
def test_setting_that_is_wrong_is_refused_with_the_fix(fields: dict[str, Any], message: str) -> None:
    """Each message gives the field, its value and what to do."""
    with pytest.raises(PolarisSpecError) as caught:
        make(**fields)
    assert str(caught.value) == message
    assert "s3cret" not in str(caught.value)


def test_cluster_without_security_may_be_reached_with_http() -> None:
    """Without credentials there is nothing to protect, and most clusters in a private network use http."""
    settings = make("http://10.0.0.7:8888", proxies={"http": "http://proxy:3128"})
    assert (settings.auth, settings.base_url) == ("none", "http://10.0.0.7:8888")


def test_coordinator_has_its_own_address_only_if_one_is_given() -> None:
    """A router proxies the coordinator's API; without one, its requests go to another address."""
    assert make().coordinator.base_url == "https://router.example.com:8888"
    assert make(coordinator_url="https://c.example.com:8281/").coordinator.base_url == "https://c.example.com:8281"


@pytest.mark.parametrize(
    ("fields", "header", "description"),
    [
        ({}, None, "a request without login (connection 'd' has none)"),
        ({"login": "ann", "password": "pä:ss"}, "Basic YW5uOnDDpDpzcw==", "the login 'ann' of connection 'd'"),
        ({"auth": "Bearer", "password": "tok"}, "Bearer tok", "the token of connection 'd'"),
    ],
)
def test_credentials_are_those_of_the_connection(fields: dict[str, Any], header: str | None, description: str) -> None:
    """Basic with a login, a bearer token if asked for, otherwise no header at all."""
    settings = make(**fields)
    credentials = DruidCredentials(settings)
    assert (credentials.header(), credentials.description()) == (header, description)
    assert not credentials.refused("x")
    for secret in settings.secrets():
        assert secret not in repr(settings) + repr(credentials)
