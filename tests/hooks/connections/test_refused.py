# SPDX-License-Identifier: Apache-2.0
"""The hook rejects a connection: which field is wrong, and the fix, before any request."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from tests.fixtures import KEY, PROJECT


def exactly(message: str) -> str:
    """Return a pattern for the whole message."""
    return f"^{re.escape(message)}$"


WRONG_EXTRAS = {
    "submit_marker of another word": (
        {"project_id": PROJECT, "submit_marker": "on"},
        "extra 'submit_marker' of connection 'polaris_default' is 'on': it must be one of 'auto', 'off'.",
    ),
    "no project": (
        {},
        (
            "connection 'polaris_default' has no project id: set the extra 'project_id', or paste a URL that continues "
            "with /v1/projects/PROJECT_ID."
        ),
    ),
    "wrong auth word": (
        {"project_id": PROJECT, "auth": "basic"},
        "auth 'basic' of connection 'polaris_default' is unknown: use 'api_key', 'raw_api_key' or 'oauth'.",
    ),
    "oauth without secret": (
        {"project_id": PROJECT, "auth": "oauth", "client_id": "airflow"},
        "connection 'polaris_default' uses auth 'oauth' but has no client_secret: set both.",
    ),
    "secret that is a number": (
        {"project_id": PROJECT, "client_secret": 123456789},
        "extra 'client_secret' of connection 'polaris_default' must be text, but has the type 'int'. Put it in quotes.",
    ),
    "timeout in words": (
        {"project_id": PROJECT, "request_timeout": "soon"},
        (
            "extra 'request_timeout' of connection 'polaris_default' is 'soon': it must be a number of seconds from 1 "
            "to 600. Leave it empty for 20."
        ),
    ),
    "timeout of zero": (
        {"project_id": PROJECT, "request_timeout": 0},
        (
            "extra 'request_timeout' of connection 'polaris_default' is 0: it must be a number of seconds from 1 to "
            "600. Leave it empty for 20."
        ),
    ),
    "timeout that is true": (
        {"project_id": PROJECT, "request_timeout": True},
        (
            "extra 'request_timeout' of connection 'polaris_default' is True: it must be a number of seconds from 1 to "
            "600. Leave it empty for 20."
        ),
    ),
    "proxies that are broken JSON": (
        {"project_id": PROJECT, "proxies": '{"https": "http://user:hunter22@proxy:3128"'},
        (
            "extra 'proxies' of connection 'polaris_default' is not valid JSON (Expecting ',' delimiter: line 1 column "
            '44 (char 43)). Write {"https": "http://proxy:3128"} or one proxy URL.'
        ),
    ),
    "proxies that are a list": (
        {"project_id": PROJECT, "proxies": ["http://user:hunter22@proxy:3128"]},
        (
            "proxies of connection 'polaris_default' must be an object of texts such as "
            '{"https": "http://proxy.example.com:3128"}.'
        ),
    ),
    "missing CA file": (
        {"project_id": PROJECT, "verify": "/nowhere/ca.pem"},
        (
            "extra 'verify' of connection 'polaris_default' is '/nowhere/ca.pem', which is not a file on this machine. "
            "Set it to 'true', 'false', or the path of a file with CA certificates that exists on every worker."
        ),
    ),
    "console_url without scheme": (
        {"project_id": PROJECT, "console_url": "acme.app.imply.io/{job_id}"},
        (
            "extra 'console_url' of connection 'polaris_default' is 'acme.app.imply.io/{job_id}', which is not a URL: "
            "it must begin with https:// or http://. Give the whole URL, or leave it empty."
        ),
    ),
    "console_url that is a script": (
        {"project_id": PROJECT, "console_url": "javascript:alert({job_id})"},
        (
            "extra 'console_url' of connection 'polaris_default' is 'javascript:alert({job_id})', which is not a URL: "
            "it must begin with https:// or http://. Give the whole URL, or leave it empty."
        ),
    ),
    "console_url with an unknown field": (
        {"project_id": PROJECT, "console_url": "https://acme.app.imply.io/{job}"},
        (
            "extra 'console_url' of connection 'polaris_default' is 'https://acme.app.imply.io/{job}', where {job} is "
            "unknown. Only {project_id}, {job_id} and {table} are replaced."
        ),
    ),
    "console_url with a stray brace": (
        {"project_id": PROJECT, "console_url": "https://acme.app.imply.io/{job_id"},
        (
            "extra 'console_url' of connection 'polaris_default' is 'https://acme.app.imply.io/{job_id', which has an "
            "unmatched brace. Only {project_id}, {job_id} and {table} are replaced."
        ),
    ),
}


@pytest.mark.parametrize(("extra", "message"), WRONG_EXTRAS.values(), ids=WRONG_EXTRAS)
def test_settings_wrong_extra_names_connection_field_and_mend(connect, extra, message):
    """An error in the extra is one message, before any request; it contains no secret."""
    connect(extra=extra)

    with pytest.raises(PolarisSpecError, match=exactly(message)):
        _ = PolarisHook().settings


WRONG_FIELDS = {
    "no key": (
        {"password": None},
        (
            "connection 'polaris_default' has no API key: put it into the password field "
            "(docs.imply.io/polaris/api-keys describes how to create one)."
        ),
    ),
    "no host": (
        {"host": None},
        (
            "connection 'polaris_default' has no host: set it to the regional API. In the Polaris console, Sources > "
            "Create source > Upload via API shows it on the first line of its example: "
            "https://ORG.REGION.CLOUD.api.imply.io/v1/projects/PROJECT_ID."
        ),
    ),
    "odd scheme": (
        {"host": "acme.us-east-1.aws.api.imply.io", "schema": "ftp"},
        (
            "field schema of connection 'polaris_default' is 'ftp': it must be 'https' or 'http'. Leave it empty and "
            "write the whole URL into the host."
        ),
    ),
}


@pytest.mark.parametrize(("fields", "message"), WRONG_FIELDS.values(), ids=WRONG_FIELDS)
def test_settings_wrong_field_names_connection_field_and_mend(connect, fields, message):
    """So is an error in a standard field."""
    connect(**fields)

    with pytest.raises(PolarisSpecError, match=exactly(message)):
        _ = PolarisHook().settings


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            '{"project_id": ',
            (
                "the extra of connection 'polaris_default' is not valid JSON (Expecting value: line 1 column 16 "
                "(char 15)). "
                'Write an object such as {"project_id": "..."}.'
            ),
        ),
        (
            '["project_id"]',
            (
                "the extra of connection 'polaris_default' is not a JSON object. "
                'Write an object such as {"project_id": "..."}.'
            ),
        ),
    ],
    ids=["cut off", "a list"],
)
def test_settings_unreadable_extra_is_refused(monkeypatch, extra, message):
    """Airflow reads such an extra as an empty one; then the message would be about a field that exists."""
    # As it may be stored in the database: some versions of Airflow refuse to create such a connection themselves.
    stored = SimpleNamespace(
        conn_type="polaris", host="acme.us-east-1.aws.api.imply.io", password=KEY, extra=extra, extra_dejson={}
    )
    monkeypatch.setattr(PolarisHook, "get_connection", lambda self, name: stored)

    with pytest.raises(PolarisSpecError, match=exactly(message)):
        _ = PolarisHook().settings
