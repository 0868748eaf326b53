# SPDX-License-Identifier: Apache-2.0
"""The form of a connection to a self-hosted Apache Druid; plain data."""

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

DRUID_FORM: Final = ConnectionForm(
    fields=(
        # No choice: a choice is never empty, and empty means the method that fits the login.
        FormField(
            "auth",
            "Authentication",
            "basic: login and password. bearer: the password is a token. none: no credentials. "
            "Empty: basic if there is a login, otherwise none.",
        ),
        FormField(
            "coordinator_url",
            "Coordinator URL",
            "Address of the coordinator and overlord, for a router without management proxy. Empty: the router's.",
        ),
        FormField(
            "console_url",
            "Console URL",
            "Target of the links on task pages. {job_id} and {table} are replaced. Empty: the router's web console.",
        ),
        FormField(
            "submit_marker",
            "Mark jobs",
            "auto: each task of Druid gets an id by which a retry finds it, and which Druid accepts only once. "
            "off: tasks get random ids; a retry then adopts no task that may belong to another one of Airflow.",
            kind="choice",
            default=DEFAULT_MARKER,
            choices=MARKER_WORDS,
        ),
        VERIFY,
        FormField(
            "client_cert",
            "Client certificate",
            "Path of a PEM file with the certificate that the worker presents, with its key unless that is below.",
        ),
        FormField("client_key", "Client key", "Path of a PEM file with the unencrypted key of the certificate."),
        PROXIES,
        REQUEST_TIMEOUT,
    ),
    hidden=("port", "schema"),
    relabeling={"host": "Router URL"},
    placeholders={
        "host": "https://router.example.com:8888",
        "coordinator_url": "https://coordinator.example.com:8081",
        "console_url": "https://router.example.com:8888/unified-console.html",
    },
)
