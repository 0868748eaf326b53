# SPDX-License-Identifier: Apache-2.0
"""The hook reads its connection: the meaning of each field, and that no secret is shown."""

from __future__ import annotations

import base64

import pytest

from airflow_provider_polaris.hooks.connections import polaris as settings_module
from airflow_provider_polaris.hooks.polaris import PolarisHook
from tests.fixtures import KEY, PROJECT


def test_settings_from_form_fields_hold_every_field(connect, tmp_path):
    """Each key of the extra reaches the client."""
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    connect(
        password=None,
        extra={
            "project_id": PROJECT,
            "auth": "oauth",
            "client_id": "airflow",
            "client_secret": "s3cret-s3cret",
            "token_url": "https://id.example.com/token",
            "verify": str(bundle),
            "proxies": '{"https": "http://proxy:3128"}',
            "request_timeout": 45,
        },
    )

    settings = PolarisHook().settings

    assert settings.base_url == "https://acme.us-east-1.aws.api.imply.io"
    assert settings.project_id == PROJECT
    assert settings.auth == "oauth"
    assert (settings.client_id, settings.client_secret) == ("airflow", "s3cret-s3cret")
    assert settings.token_url == "https://id.example.com/token"
    assert settings.verify == str(bundle)
    assert settings.proxies == {"https": "http://proxy:3128"}
    assert settings.read_timeout == 45.0
    assert settings.connection_name == "polaris_default"


def test_settings_empty_form_fields_count_as_missing(connect):
    """The form stores an empty field as null or as an empty text."""
    connect(
        extra={
            "project_id": f" {PROJECT} ",
            "auth": "",
            "client_id": None,
            "token_url": " ",
            "console_url": "",
            "verify": "",
            "proxies": "",
            "request_timeout": "",
        }
    )

    settings = PolarisHook().settings

    assert (settings.project_id, settings.auth, settings.client_id) == (PROJECT, "api_key", None)
    assert (settings.token_url, settings.verify, settings.proxies) == (None, True, None)
    assert settings.read_timeout == 20.0


def test_settings_pasted_project_url_needs_no_project_field(connect):
    """The first line of the console's curl sample is sufficient."""
    connect(host=f"https://acme.us-east-1.aws.api.imply.io/v1/projects/{PROJECT}/files", extra={})

    hook = PolarisHook()

    assert hook.settings.base_url == "https://acme.us-east-1.aws.api.imply.io"
    assert hook.project_id == PROJECT


@pytest.mark.parametrize(
    ("uri", "base_url"),
    [
        (f"polaris://:{KEY}@127.0.0.1:8099/?project_id={PROJECT}", "http://127.0.0.1:8099"),
        (f"polaris://:{KEY}@polaris.example.com:8443/https?project_id={PROJECT}", "https://polaris.example.com:8443"),
        (
            f"polaris://:{KEY}@acme.us-east-1.aws.api.imply.io?project_id={PROJECT}",
            "https://acme.us-east-1.aws.api.imply.io",
        ),
    ],
    ids=["loopback with port", "scheme in the path", "bare host"],
)
def test_settings_from_connection_uri_use_its_port_and_scheme(monkeypatch, uri, base_url):
    """A connection written as URI keeps its port and scheme, which Airflow stores in fields that the form hides."""
    monkeypatch.setenv("AIRFLOW_CONN_POLARIS_DEFAULT", uri)

    settings = PolarisHook().settings

    assert (settings.base_url, settings.project_id, settings.api_key) == (base_url, PROJECT, KEY)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (False, False),
        ("TRUE", True),
        ("false", False),
    ],
)
def test_settings_verify_takes_booleans_and_words(connect, value, expected):
    """JSON has booleans, the form has text."""
    connect(extra={"project_id": PROJECT, "verify": value})

    assert PolarisHook().settings.verify is expected


@pytest.mark.parametrize(
    "value",
    [
        "http://proxy:3128",
        '{"http": "http://proxy:3128", "https": "http://proxy:3128"}',
        {"http": "http://proxy:3128", "https": "http://proxy:3128"},
    ],
    ids=["one URL", "JSON text", "JSON object"],
)
def test_settings_proxies_take_a_url_or_json(connect, value):
    """All forms of a proxy have the same meaning."""
    connect(extra={"project_id": PROJECT, "proxies": value})

    assert PolarisHook().settings.proxies == {"http": "http://proxy:3128", "https": "http://proxy:3128"}


@pytest.mark.parametrize("value", [90, "90", 90.0])
def test_settings_request_timeout_takes_numbers_and_their_text(connect, value):
    """A URI has text only."""
    connect(extra={"project_id": PROJECT, "request_timeout": value})

    assert PolarisHook().settings.read_timeout == 90.0


@pytest.mark.parametrize(
    "extra, marker",
    [
        ({}, "auto"),
        ({"submit_marker": ""}, "auto"),
        ({"submit_marker": "auto"}, "auto"),
        ({"submit_marker": "off"}, "off"),
        ({"submit_marker": False}, "off"),
    ],
)
def test_submit_marker_is_auto_unless_switched_off(connect, extra, marker):
    """A form stores an empty text, a URI stores nothing, YAML reads a bare off as false."""
    connect(extra={"project_id": PROJECT, **extra})

    assert PolarisHook().submit_marker == marker


def test_settings_hide_key_and_its_header_form_from_the_log(connect, monkeypatch):
    """Airflow masks the key itself, but not its form in the Authorization header."""
    hidden = []
    monkeypatch.setattr(settings_module, "mask_secret", hidden.append)
    connect(extra={"project_id": PROJECT, "client_secret": "s3cret-s3cret"}, password=f" {KEY}\n")

    _ = PolarisHook().settings

    assert KEY in hidden
    assert base64.b64encode(f"{KEY}:".encode()).decode() in hidden
    assert "s3cret-s3cret" in hidden


def test_hook_repr_and_settings_repr_show_no_secret(connect):
    """A hook in a traceback or a rendered template shows no secret."""
    connect(extra={"project_id": PROJECT, "client_secret": "s3cret-s3cret"})
    hook = PolarisHook()

    shown = f"{hook!r} {hook.settings!r} {hook.get_client()!r}"
    hook.close()

    assert KEY not in shown
    assert "s3cret-s3cret" not in shown
