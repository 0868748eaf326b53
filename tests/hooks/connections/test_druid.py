# SPDX-License-Identifier: Apache-2.0
"""A connection of type apache_druid: the meaning of each field, what is refused, and its links."""

from __future__ import annotations

import base64
from types import SimpleNamespace

import pytest

from airflow_provider_polaris.client import DruidClient, DruidSettings
from airflow_provider_polaris.hooks.connections import druid as settings_module
from airflow_provider_polaris.hooks.druid import DruidHook
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisSpecError

ROUTER = "https://router.example.com:8888"


@pytest.fixture
def druid(connect):
    """Return a function that defines the default connection of the type."""

    def define(extra=None, **fields):
        fields = {"host": ROUTER, "password": None, **fields}
        return connect("apache_druid_default", conn_type="apache_druid", extra=extra or {}, **fields)

    return define


def test_connection_without_login_is_a_druid_without_security(druid):
    """The quickstart has no security; every optional field has a default."""
    druid()

    hook = DruidHook()

    assert hook.settings == DruidSettings(ROUTER, connection_name="apache_druid_default")
    assert (hook.project_id, hook.submit_marker) == ("", "auto")
    assert isinstance(hook.get_client(), DruidClient)
    assert hook.capabilities.idempotent_submission
    hook.close()


def test_connection_with_every_field_reaches_the_client(druid, tmp_path):
    """Each key of the extra reaches the settings."""
    files = {name: tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem")}
    for file in files.values():
        file.touch()
    druid(
        {
            "auth": "basic",
            "coordinator_url": "https://coordinator.example.com:8081/",
            "verify": str(files["ca.pem"]),
            "client_cert": str(files["cert.pem"]),
            "client_key": str(files["key.pem"]),
            "proxies": "http://proxy:3128",
            "request_timeout": "45",
            "submit_marker": "off",
        },
        login="airflow",
        password="s3cret",
    )

    hook = DruidHook()
    settings = hook.settings

    assert (settings.auth, settings.login, settings.password) == ("basic", "airflow", "s3cret")
    assert settings.coordinator_url == "https://coordinator.example.com:8081"
    assert settings.verify == str(files["ca.pem"])
    assert settings.certificate == (str(files["cert.pem"]), str(files["key.pem"]))
    assert settings.proxies == {"http": "http://proxy:3128", "https": "http://proxy:3128"}
    assert (settings.read_timeout, hook.submit_marker) == (45.0, "off")


@pytest.mark.parametrize(
    ("fields", "auth"),
    [
        ({}, "none"),
        ({"login": "airflow", "password": "s3cret"}, "basic"),
        ({"password": "token", "extra": {"auth": "bearer"}}, "bearer"),
    ],
)
def test_auth_follows_from_the_login_unless_it_is_given(druid, fields, auth):
    """A login alone means basic authentication."""
    druid(**fields)

    assert DruidHook().settings.auth == auth


@pytest.mark.parametrize(
    ("uri", "base_url"),
    [
        ("apache-druid://airflow:s3cret@127.0.0.1:8888/", "http://127.0.0.1:8888"),
        ("apache-druid://airflow:s3cret@router.example.com:8888/https", ROUTER),
    ],
)
def test_connection_uri_has_a_hyphen_in_its_scheme(monkeypatch, uri, base_url):
    """A scheme can't contain an underscore; Airflow replaces the hyphen."""
    monkeypatch.setenv("AIRFLOW_CONN_APACHE_DRUID_DEFAULT", uri)

    settings = DruidHook().settings

    assert (settings.base_url, settings.login, settings.password) == (base_url, "airflow", "s3cret")


def test_type_of_the_connection_decides_and_not_the_class_of_the_hook(druid, connect):
    """Every argument polaris_conn_id takes either type."""
    druid()
    connect("polaris_default")

    assert isinstance(PolarisHook("apache_druid_default").settings, DruidSettings)
    assert DruidHook("polaris_default").settings == PolarisHook().settings


@pytest.mark.parametrize("conn_type", ["druid", "http"])
def test_other_type_is_read_as_polaris(connect, conn_type):
    """As before there was a second type."""
    connect("other", conn_type=conn_type)

    assert PolarisHook("other").settings.base_url == "https://acme.us-east-1.aws.api.imply.io"


REFUSED = {
    "kerberos": (
        {"extra": {"auth": "Kerberos"}},
        (
            "connection 'apache_druid_default' uses auth 'kerberos', which is not supported: put a proxy that "
            "authenticates with Kerberos in front of the router, enter the proxy's address as host, and set auth to "
            "the method "
            "that the proxy accepts ('none', 'basic' or 'bearer')."
        ),
    ),
    "no host": (
        {"host": None},
        (
            "connection 'apache_druid_default' has no host. Enter the address of the router, such as "
            "https://router.example.com:8888."
        ),
    ),
    "certificate that isn't there": (
        {"extra": {"client_cert": "/nowhere/cert.pem"}},
        (
            "extra 'client_cert' of connection 'apache_druid_default' is '/nowhere/cert.pem', which is not a "
            "file on this machine. Set it to the path of a file with a client certificate that exists on every worker."
        ),
    ),
    "key without certificate": (
        {"extra": {"client_key": __file__}},
        "connection 'apache_druid_default' has a client_key but no client_cert: set both.",
    ),
    "certificate without TLS": (
        {"host": "http://127.0.0.1:8888", "extra": {"client_cert": __file__}},
        (
            "connection 'apache_druid_default' has a client_cert, but host 'http://127.0.0.1:8888' uses http, "
            "which has no certificates: use https or remove client_cert."
        ),
    ),
    "project in the console's URL": (
        {"extra": {"console_url": "https://console/{project_id}"}},
        (
            "extra 'console_url' of connection 'apache_druid_default' is 'https://console/{project_id}', where "
            "{project_id} is unknown. Only {job_id} and {table} are replaced."
        ),
    ),
}


@pytest.mark.parametrize(("fields", "message"), REFUSED.values(), ids=REFUSED)
def test_connection_is_refused_with_the_field_and_the_fix(druid, fields, message):
    """Before any request."""
    druid(**fields)

    with pytest.raises(PolarisSpecError) as caught:
        _ = DruidHook().settings

    assert str(caught.value) == message


def test_connection_with_an_unreadable_extra_is_refused(monkeypatch):
    """The message shows a field of this type."""
    stored = SimpleNamespace(conn_type="apache_druid", host=ROUTER, port=None, extra="[]", extra_dejson={})
    monkeypatch.setattr(DruidHook, "get_connection", lambda self, name: stored)

    with pytest.raises(PolarisSpecError) as caught:
        _ = DruidHook().settings

    assert str(caught.value) == (
        "the extra of connection 'apache_druid_default' is not a JSON object. Write an object such as "
        '{"coordinator_url": "https://..."}.'
    )


def test_secrets_are_hidden_as_they_are_sent(druid, monkeypatch):
    """Airflow masks the password itself, but not its form in the Authorization header."""
    hidden = []
    monkeypatch.setattr(settings_module, "mask_secret", hidden.append)
    druid(login="airflow", password="s3cret-s3cret")

    shown = repr(DruidHook().settings)

    assert hidden == ["s3cret-s3cret", base64.b64encode(b"airflow:s3cret-s3cret").decode()]
    assert "s3cret-s3cret" not in shown


def test_links_lead_to_the_routers_web_console(druid):
    """Filtered to the task and to the table."""
    druid()
    hook = DruidHook()

    console = f"{ROUTER}/unified-console.html"
    assert hook.job_url("query-airflow-5f3a-1") == f"{console}#tasks/task_id=query-airflow-5f3a-1"
    assert hook.table_url("Koalas & Co") == f"{console}#datasources/datasource=Koalas%20%26%20Co"


def test_links_lead_to_the_console_of_the_connection(druid):
    """A console behind another address."""
    druid({"console_url": "https://console.example.com/#tasks/task_id={job_id}"})
    hook = DruidHook()

    assert hook.job_url("query-1") == "https://console.example.com/#tasks/task_id=query-1"
    assert hook.table_url("t") == f"{ROUTER}/unified-console.html#datasources/datasource=t"


def test_client_certificate_is_presented_by_the_session(druid, tmp_path):
    """It applies to the router and to the coordinator."""
    certificate = tmp_path / "cert.pem"
    certificate.touch()
    druid({"client_cert": str(certificate), "coordinator_url": "https://coordinator.example.com:8081"})

    hook = DruidHook()
    client = hook.get_client()

    assert client._broker._session.cert == client._transport._session.cert == str(certificate)
    hook.close()


def test_table_cannot_be_created_without_data(druid):
    """Druid has no such tables; a job creates its target."""
    druid()

    with pytest.raises(PolarisSpecError) as caught:
        DruidHook().create_table({"name": "koalas"})

    assert str(caught.value) == (
        "table 'koalas' can't be created, because Druid has no tables without data: the first job that writes a table "
        "creates it."
    )
