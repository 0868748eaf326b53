# SPDX-License-Identifier: Apache-2.0
"""Settings validate themselves and show no secret."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from airflow_provider_polaris.client import ClientSettings
from airflow_provider_polaris.jobs.errors import PolarisSpecError

KEY = "pok_Zq7secretQ9xW"
URL = "https://acme.us-east-1.aws.api.imply.io"


def settings(**fields: Any) -> ClientSettings:
    return ClientSettings(**{"base_url": URL, "project_id": "p1", "api_key": KEY, **fields})


@pytest.mark.parametrize(
    "pasted",
    [
        KEY,
        f" {KEY}\n",
        f"{KEY}:",
        f"Basic {KEY}",
        base64.b64encode(f"{KEY}:".encode()).decode(),
        base64.b64encode(KEY.encode()).decode().rstrip("="),
        f"Basic {base64.b64encode(f'{KEY}:'.encode()).decode()}",
    ],
)
def test_api_key_in_any_pasted_form_is_the_bare_key(pasted: str) -> None:
    """White space, colon, header word and base64 are removed."""
    assert settings(api_key=pasted).api_key == KEY


def test_api_key_that_only_looks_like_base64_is_kept() -> None:
    """A key of another form is left unchanged."""
    assert settings(api_key="abcdefgh").api_key == "abcdefgh"


OAUTH = {"auth": "oauth", "api_key": None, "client_id": "id", "client_secret": "s3cret-s3cret"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"api_key": " "},
            (
                "connection 'polaris_default' has no API key: put it into the password field "
                "(docs.imply.io/polaris/api-keys describes how to create one)."
            ),
        ),
        (
            {"api_key": "pok_a\nb"},
            (
                "the API key of connection 'polaris_default' is invalid: its character 6 of 7 is not a visible ASCII "
                "character. Copy it again."
            ),
        ),
        (
            {"auth": "basic"},
            "auth 'basic' of connection 'polaris_default' is unknown: use 'api_key', 'raw_api_key' or 'oauth'.",
        ),
        (
            {**OAUTH, "client_secret": " "},
            "connection 'polaris_default' uses auth 'oauth' but has no client_secret: set both.",
        ),
        (
            {**OAUTH, "base_url": "http://127.0.0.1:1"},
            (
                "connection 'polaris_default' uses auth 'oauth' and host 'http://127.0.0.1:1' does not contain the "
                "organization: set token_url."
            ),
        ),
        (
            {**OAUTH, "token_url": "id.example.org/token"},
            "token_url 'id.example.org/token' of connection 'polaris_default' is not an http(s) URL.",
        ),
        (
            {**OAUTH, "token_url": "https://me:hunter22@id.example.org/token"},
            (
                "token_url 'https://***@id.example.org/token' of connection 'polaris_default' contains a user name or "
                "password: use client_id and client_secret."
            ),
        ),
        (
            {"proxies": "http://proxy:3128"},
            (
                "proxies of connection 'polaris_default' must be an object of texts such as "
                '{"https": "http://proxy.example.com:3128"}.'
            ),
        ),
        (
            {"proxies": {"https": "http://me:hunter22@"}},
            (
                "proxy 'http://***@' of connection 'polaris_default' has no host: write it as "
                "http://proxy.example.com:3128."
            ),
        ),
        ({"read_timeout": 0}, "read_timeout 0 of connection 'polaris_default' must be a number of seconds above 0."),
        ({"retry_budget": "x"}, "retry_budget 'x' of connection 'polaris_default' must be a number of seconds."),
    ],
)
def test_settings_with_a_bad_value_are_refused_with_a_sentence(fields: dict[str, Any], message: str) -> None:
    """Each invalid value is named, except secrets."""
    with pytest.raises(PolarisSpecError) as caught:
        settings(**fields)
    assert str(caught.value) == message


def test_oauth_token_url_comes_from_the_organization() -> None:
    """The realm is the first label of the host; an explicit URL takes precedence."""
    own = settings(**OAUTH)
    assert own.oauth_token_url == "https://id.imply.io/auth/realms/acme/protocol/openid-connect/token"
    assert settings(**OAUTH, token_url="https://id.example.org/t").oauth_token_url == "https://id.example.org/t"


def test_settings_repr_has_no_secret() -> None:
    """Key, client secret and proxy password are not in repr and str."""
    shown = settings(proxies={"https": "http://me:hunter22@proxy:3128"}, client_secret="s3cret-s3cret")
    assert repr(shown) == str(shown)
    assert repr(shown).startswith("ClientSettings(base_url='https://acme.us-east-1.aws.api.imply.io', project_id='p1',")
    assert not any(secret in repr(shown) for secret in (KEY, "hunter22", "s3cret-s3cret"))


def test_settings_secrets_name_every_secret() -> None:
    """The list of secrets to mask is complete, including the decoded proxy password."""
    found = settings(proxies={"https": "http://me:hunter%2122@proxy:3128"}, client_secret="s3cret-s3cret").secrets()
    assert {KEY, "s3cret-s3cret", "hunter%2122", "hunter!22"} <= set(found)
