# SPDX-License-Identifier: Apache-2.0
"""
The fields of the connection form, as plain data that needs neither Airflow nor a web framework.

Airflow 3.2 and later read the form from the provider info (:func:`conn_fields`, :func:`ui_field_behaviour`). Earlier
versions call the hook class for WTForms fields (:func:`form_widgets`, :func:`form_behaviour`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

AUTH_WORDS = ("api_key", "raw_api_key", "oauth")
MARKER_WORDS = ("auto", "off")
DEFAULT_AUTH = "api_key"
DEFAULT_MARKER = "auto"
DEFAULT_REQUEST_TIMEOUT = 20
MAX_REQUEST_TIMEOUT = 600


@dataclass(frozen=True)
class FormField:
    """
    A form field that is stored in the extra of a connection under its own name.

    :param name: Key in the extra.
    :param label: Heading in the form.
    :param description: Help text under the field.
    :param kind: ``text``, ``secret`` (shown as dots), ``choice`` (one of ``choices``) or ``number`` (whole).
    :param default: Default value in the form, if any.
    :param choices: The values of a ``choice``.
    :param minimum: Smallest ``number``.
    :param maximum: Largest ``number``.
    """

    name: str
    label: str
    description: str
    kind: Literal["text", "secret", "choice", "number"] = "text"
    default: str | int | None = None
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None


FIELDS = (
    FormField("project_id", "Project ID", "UUID of the Polaris project. Optional if the URL above contains it."),
    FormField(
        "auth",
        "Authentication",
        "api_key: the API key, base64-encoded, as the vendor's SDK sends it. raw_api_key: the API key, not encoded, as "
        "the vendor's curl samples send it. oauth: the client ID and secret below.",
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
    FormField(
        "verify",
        "Verify TLS",
        "true (default), false (for tests only), or the path of a file with CA certificates.",
    ),
    FormField(
        "proxies",
        "Proxies",
        'One proxy URL for all requests, or JSON such as {"https": "http://proxy:3128"}. '
        "Empty: the proxies of the worker's environment.",
    ),
    FormField(
        "request_timeout",
        "Request timeout",
        "Seconds to wait for the response to a request, after connecting.",
        kind="number",
        default=DEFAULT_REQUEST_TIMEOUT,
        minimum=1,
        maximum=MAX_REQUEST_TIMEOUT,
    ),
)

HIDDEN_FIELDS = ("login", "port", "schema")
RELABELING = {"host": "Polaris API URL", "password": "API key"}
PLACEHOLDERS = {
    "host": "https://ORG.REGION.CLOUD.api.imply.io",
    "password": "pok_...",
    "project_id": "00000000-0000-4000-8000-000000000001",
    "console_url": "https://ORG.app.imply.io/",
}
_STANDARD_FIELDS = ("host", "password")


def conn_fields() -> dict[str, dict[str, Any]]:
    """
    Return the ``conn-fields`` of the provider info: a JSON schema for each field of the extra, by its key.

    Source: https://airflow.apache.org/docs/apache-airflow/stable/howto/connection.html (read 2026-11-22).
    """
    return {field.name: _conn_field(field) for field in FIELDS}


def ui_field_behaviour() -> dict[str, Any]:
    """Return the ``ui-field-behaviour`` of the provider info, which hides and renames the standard fields."""
    return {
        "hidden-fields": list(HIDDEN_FIELDS),
        "relabeling": dict(RELABELING),
        # The form of Airflow 3.3 shows placeholders in standard fields only; the other fields have a description.
        "placeholders": {name: text for name, text in PLACEHOLDERS.items() if name in _STANDARD_FIELDS},
    }


def form_widgets() -> dict[str, Any]:
    """
    Return the WTForms fields by key; used only before Airflow 3.2.

    Airflow 2 has WTForms and Flask-AppBuilder. Airflow 3.0 and 3.1 replace them with stubs during the call.
    """
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import IntegerField, PasswordField, StringField
    from wtforms.validators import Optional, any_of

    widgets: dict[str, Any] = {}
    for field in FIELDS:
        # All connection types share one page, so a hidden, empty field must be valid.
        validators = [Optional(), *([any_of(list(field.choices))] if field.choices else [])]
        field_class = {"number": IntegerField, "secret": PasswordField}.get(field.kind, StringField)
        widget = BS3PasswordFieldWidget() if field.kind == "secret" else BS3TextFieldWidget()
        widgets[field.name] = field_class(
            field.label, validators=validators, description=field.description, default=field.default, widget=widget
        )
    return widgets


def form_behaviour() -> dict[str, Any]:
    """Return which standard fields are hidden or renamed; used only before Airflow 3.2."""
    return {
        "hidden_fields": list(HIDDEN_FIELDS),
        "relabeling": dict(RELABELING),
        "placeholders": dict(PLACEHOLDERS),
    }


def _conn_field(field: FormField) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": ["integer" if field.kind == "number" else "string", "null"]}
    if field.kind == "secret":
        schema["format"] = "password"
    if field.choices:
        # A choice is never empty: otherwise the form would offer an empty line.
        schema["type"] = "string"
        schema["enum"] = list(field.choices)
    schema["default"] = field.default
    if field.minimum is not None:
        schema["minimum"] = field.minimum
    if field.maximum is not None:
        schema["maximum"] = field.maximum
    return {"label": field.label, "description": field.description, "schema": schema}
