# SPDX-License-Identifier: Apache-2.0
"""
Convert rendered template arguments from text to their types.

A template turns every value into text: ``cancel_on_kill='{{ params.cancel }}'`` becomes ``'False'``, which is true in
Python. Each function converts one argument, and raises an error with the argument's name if it can't. Performs no I/O.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.instant import quote

_BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}


def as_bool(value: Any, field: str) -> bool:
    """
    Return a boolean from True, False or their text in any case.

    :param value: The rendered argument.
    :param field: Its name, for the error.
    :raises PolarisSpecError: The value is neither.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _BOOLEANS:
        return _BOOLEANS[value.strip().lower()]
    raise PolarisSpecError(
        f"{field} {quote(value)} is neither true nor false. Pass True or False, or a template of one."
    )


def as_optional_bool(value: Any, field: str) -> bool | None:
    """Return True, False or None; see :func:`as_bool`."""
    return None if is_none(value) else as_bool(value, field)


def as_count(value: Any, field: str) -> int | None:
    """
    Return a whole number of at least 0, or None.

    :param value: The rendered argument.
    :param field: Its name, for the error.
    :raises PolarisSpecError: It is no such number.
    """
    if is_none(value):
        return None
    number = _number(value)
    if number is None or number < 0 or number != int(number):
        raise PolarisSpecError(f"{field} {quote(value)} is not a whole number of at least 0.")
    return int(number)


def as_seconds(value: Any, field: str) -> float | None:
    """
    Return a positive number of seconds, also from a timedelta; or None.

    :param value: The rendered argument.
    :param field: Its name, for the error.
    :raises PolarisSpecError: It is no such number.
    """
    if is_none(value):
        return None
    number = value.total_seconds() if isinstance(value, timedelta) else _number(value)
    if number is None or not 0 < number < float("inf"):
        raise PolarisSpecError(f"{field} {quote(value)} is not a positive number of seconds, such as 30.")
    return number


def as_text(value: Any, field: str) -> str:
    """
    Return a required text. A number is rejected: ``2024_06`` without quotes is 202406, which is another name.

    :param value: The rendered argument.
    :param field: Its name, for the error.
    :raises PolarisSpecError: The value is not text, is missing or empty, or is the text ``None`` of a template without
        a value.
    """
    if is_none(value) or (isinstance(value, str) and not value.strip()):
        raise PolarisSpecError(f"{field} is {quote(value)}: it needs a value. Check the template that renders it.")
    if not isinstance(value, str):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        kind = "number" if is_number else type(value).__name__
        raise PolarisSpecError(
            f"{field} {quote(value)} is a {kind}, not text. Write it in quotes; if another task returns it, return it "
            "as text there."
        )
    return value


def as_optional_text(value: Any, field: str) -> str | None:
    """Return a text, or None. A template that renders to nothing is rejected, see :func:`as_text`."""
    return None if value is None else as_text(value, field)


def as_list(value: Any, field: str) -> list[Any] | None:
    """
    Return a list, or None. JSON text of a list is parsed; any other text becomes a list with one element.

    :param value: The rendered argument.
    :param field: Its name, for the error.
    :raises PolarisSpecError: It is something else.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = _json(value, "[", field) if value.strip().startswith("[") else [as_text(value, field)]
    if not isinstance(value, (list, tuple)):
        raise PolarisSpecError(f"{field} {quote(value)} is a {type(value).__name__}, not a list.")
    return list(value)


def as_mapping(value: Any, field: str) -> dict[str, Any] | None:
    """
    Return a dictionary, or None. JSON text of an object is parsed.

    :param value: The rendered argument.
    :param field: Its name, for the error.
    :raises PolarisSpecError: It is something else.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = _json(value, "{", field)
    if not isinstance(value, Mapping):
        raise PolarisSpecError(f"{field} {quote(value)} is a {type(value).__name__}, not a dictionary.")
    return dict(value)


def is_none(value: Any) -> bool:
    """Return whether a rendered argument is None, or the text that a template makes of None."""
    return value is None or (isinstance(value, str) and value.strip() == "None")


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _json(text: str, opening: str, field: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        what = "a list" if opening == "[" else "an object"
        raise PolarisSpecError(
            f"{field} {quote(text)} is not the JSON text of {what}: {error}. In a template, use the filter tojson."
        ) from None
