# SPDX-License-Identifier: Apache-2.0
"""
The form of a connection type, as plain data that needs neither Airflow nor a web framework.

Airflow 3.2 and later read the form from the provider info (:meth:`ConnectionForm.conn_fields`,
:meth:`ConnectionForm.ui_field_behaviour`). Earlier versions call the hook class for WTForms fields
(:meth:`ConnectionForm.widgets`, :meth:`ConnectionForm.behaviour`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

MARKER_WORDS: Final = ("auto", "off")
DEFAULT_MARKER: Final = "auto"
DEFAULT_REQUEST_TIMEOUT: Final = 20
MAX_REQUEST_TIMEOUT: Final = 600

_STANDARD_FIELDS: Final = ("host", "login", "password")


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


#: Fields that both connection types have.
VERIFY: Final = FormField(
    "verify",
    "Verify TLS",
    "true (default), false (for tests only), or the path of a file with CA certificates.",
)
PROXIES: Final = FormField(
    "proxies",
    "Proxies",
    'One proxy URL for all requests, or JSON such as {"https": "http://proxy:3128"}. '
    "Empty: the proxies of the worker's environment.",
)
REQUEST_TIMEOUT: Final = FormField(
    "request_timeout",
    "Request timeout",
    "Seconds to wait for the response to a request, after connecting.",
    kind="number",
    default=DEFAULT_REQUEST_TIMEOUT,
    minimum=1,
    maximum=MAX_REQUEST_TIMEOUT,
)


@dataclass(frozen=True)
class ConnectionForm:
    """
    The form of a connection type.

    :param fields: The fields that are stored in the extra.
    :param hidden: Standard fields that the form doesn't show.
    :param relabeling: Labels of standard fields, by name.
    :param placeholders: Example values, by the name of a standard field or of one of ``fields``.
    """

    fields: tuple[FormField, ...]
    hidden: tuple[str, ...]
    relabeling: Mapping[str, str]
    placeholders: Mapping[str, str]

    def conn_fields(self) -> dict[str, dict[str, Any]]:
        """
        Return the ``conn-fields`` of the provider info: a JSON schema for each field of the extra, by its key.

        Source: https://airflow.apache.org/docs/apache-airflow/stable/howto/connection.html (read 2026-11-22).
        """
        return {field.name: _conn_field(field) for field in self.fields}

    def ui_field_behaviour(self) -> dict[str, Any]:
        """Return the ``ui-field-behaviour`` of the provider info, which hides and renames the standard fields."""
        return {
            "hidden-fields": list(self.hidden),
            "relabeling": dict(self.relabeling),
            # The form of Airflow 3.3 shows placeholders in standard fields only; the other fields have a description.
            "placeholders": {name: text for name, text in self.placeholders.items() if name in _STANDARD_FIELDS},
        }

    def widgets(self) -> dict[str, Any]:
        """
        Return the WTForms fields by key; used only before Airflow 3.2.

        Airflow 2 has WTForms and Flask-AppBuilder. Airflow 3.0 and 3.1 replace them with stubs during the call.
        """
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from wtforms import IntegerField, PasswordField, StringField
        from wtforms.validators import Optional, any_of

        widgets: dict[str, Any] = {}
        for field in self.fields:
            # All connection types share one page, so a hidden, empty field must be valid.
            validators = [Optional(), *([any_of(list(field.choices))] if field.choices else [])]
            field_class = {"number": IntegerField, "secret": PasswordField}.get(field.kind, StringField)
            widget = BS3PasswordFieldWidget() if field.kind == "secret" else BS3TextFieldWidget()
            widgets[field.name] = field_class(
                field.label, validators=validators, description=field.description, default=field.default, widget=widget
            )
        return widgets

    def behaviour(self) -> dict[str, Any]:
        """Return which standard fields are hidden or renamed; used only before Airflow 3.2."""
        return {
            "hidden_fields": list(self.hidden),
            "relabeling": dict(self.relabeling),
            "placeholders": dict(self.placeholders),
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
