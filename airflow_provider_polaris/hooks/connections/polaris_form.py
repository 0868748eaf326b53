# SPDX-License-Identifier: Apache-2.0
"""The form of a connection to Imply Polaris; plain data."""

from __future__ import annotations

from typing import Final

from airflow_provider_polaris.hooks.connections.form import (
    DEFAULT_MARKER,
    MARKER_WORDS,
    PROXIES,
    REQUEST_TIMEOUT,
    VERIFY,
    ConnectionForm,
    FormField,
)

AUTH_WORDS: Final = ("api_key", "raw_api_key", "oauth")
DEFAULT_AUTH: Final = "api_key"

POLARIS_FORM: Final = ConnectionForm(
    fields=(
        FormField("project_id", "Project ID", "UUID of the Polaris project. Optional if the URL above contains it."),
        FormField(
            "auth",
            "Authentication",
            "api_key: the API key, base64-encoded, as the vendor's SDK sends it. raw_api_key: the API key, not "
            "encoded, as the vendor's curl samples send it. oauth: the client ID and secret below.",
            kind="choice",
            default=DEFAULT_AUTH,
            choices=AUTH_WORDS,
        ),
        FormField("client_id", "OAuth client ID", "For oauth only."),
        FormField("client_secret", "OAuth client secret", "For oauth only.", kind="secret"),
        FormField(
            "token_url",
            "OAuth token URL",
            "For oauth only. Empty: the address of your organization at id.imply.io, taken from the URL above.",
        ),
        FormField(
            "console_url",
            "Console URL",
            "Target of the links on task pages. {project_id}, {job_id} and {table} are replaced. "
            "Empty: the start page of your organization's console.",
        ),
        FormField(
            "submit_marker",
            "Mark jobs",
            "auto: add an entry 'airflow' to each job's context, so that a retry finds its own job. off: submit jobs "
            "unchanged; a retry then adopts no job that may belong to another task.",
            kind="choice",
            default=DEFAULT_MARKER,
            choices=MARKER_WORDS,
        ),
        VERIFY,
        PROXIES,
        REQUEST_TIMEOUT,
    ),
    hidden=("login", "port", "schema"),
    relabeling={"host": "Polaris API URL", "password": "API key"},
    placeholders={
        "host": "https://ORG.REGION.CLOUD.api.imply.io",
        "password": "pok_...",
        "project_id": "00000000-0000-4000-8000-000000000001",
        "console_url": "https://ORG.app.imply.io/",
    },
)
