# SPDX-License-Identifier: Apache-2.0
"""
Parse requests: JSON bodies, query parameters, names. Every invalid value is a 4xx in the envelope.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import from_json
from starlette.requests import ClientDisconnect

from airflow_provider_polaris.emulator.wire.errors import ApiError, bad_request

#: A body that is too long is read up to this multiple of the limit, so that the client receives the reply.
_DRAIN_FACTOR: Final = 16


class WireModel(BaseModel):
    """
    Base of all request models: camelCase names, no conversion between types, no unknown fields.

    GUESS: Polaris may ignore unknown fields. The emulator rejects them, because a misspelt field would make a wrong
    job.
    """

    model_config = ConfigDict(alias_generator=to_camel, strict=True, extra="forbid", frozen=True)


Model = TypeVar("Model", bound=WireModel)


@dataclass(frozen=True)
class JsonBody:
    """The JSON object in a request's body, and the hash of its bytes."""

    data: dict[str, Any]
    sha256: str


async def read_json(request: Request, limit: int) -> JsonBody:
    """
    Read the body of a request as a JSON object.

    :param request: The request.
    :param limit: Maximum size of the body in bytes.
    :return: The object.
    :raises ApiError: 415 for another content type, 413 for a body that is too long, 400 for anything but an object.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ApiError(415, f"content type {media_type!r} is not supported; send 'application/json'.")
    raw = await read_bytes(request, limit)
    try:
        data = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise bad_request(f"The body is not valid JSON: {error}.") from None
    if not isinstance(data, dict):
        raise bad_request(f"The body must be a JSON object, not {type(data).__name__!r}.")
    return JsonBody(data, hashlib.sha256(raw).hexdigest())


def check_encoding(request: Request) -> None:
    """
    Reject a compressed body; the emulator doesn't decompress bodies.

    :raises ApiError: 415.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise ApiError(415, f"content encoding {encoding!r} is not supported; send the body as it is.")


async def read_bytes(request: Request, limit: int) -> bytes:
    """
    Read the body of a request in pieces.

    :raises ApiError: 413 if it is longer than ``limit`` bytes, 415 if it is compressed.
    """
    check_encoding(request)
    body = bytearray()
    length = 0
    headers: dict[str, str] = {}
    try:
        async for chunk in request.stream():
            length += len(chunk)
            if length <= limit:
                body += chunk
            elif length > limit * _DRAIN_FACTOR:
                headers["connection"] = "close"
                break
    except ClientDisconnect:
        raise bad_request("The body ended before its announced length.") from None
    if length > limit:
        raise ApiError(413, f"The body is longer than {limit} bytes.", headers=headers)
    return bytes(body)


def parse(model: type[Model], data: object, target: str | None = None) -> Model:
    """
    Convert a JSON value to a request model.

    :param model: The expected model.
    :param data: The value.
    :param target: Path of the value in the body, for the message.
    :return: The model.
    :raises ApiError: 400 that names the first invalid field, its value and the rule; the others are in ``details``.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = [_fault(entry, target) for entry in error.errors(include_url=False)]
        first, *others = faults
        details = [{"code": "BadRequest", **other} for other in others]
        raise ApiError(400, first["message"], target=first["target"], details=details) from None


_KINDS: Final = {
    "model_type": "an object",
    "dict_type": "an object",
    "list_type": "an array",
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "a whole number",
}


def _fault(entry: Any, prefix: str | None) -> dict[str, str]:
    path = ".".join(([prefix] if prefix else []) + [str(part) for part in entry["loc"]])
    kind = entry["type"]
    if kind == "missing":
        return {"message": f"field {path!r} is required.", "target": path}
    if kind == "extra_forbidden":
        return {"message": f"field {path!r} is not known.", "target": path}
    value = repr(entry["input"])
    shown = value if len(value) <= 200 else value[:200] + "…"
    rule = f"it must be {_KINDS[kind]}" if kind in _KINDS else entry["msg"]
    return {"message": f"field {path!r} has the value {shown}: {rule}.", "target": path}


def one_of(request: Request, name: str, words: Sequence[str], default: str) -> str:
    """Return a query parameter that must have one of the given values."""
    value = request.query_params.get(name, default)
    if value not in words:
        raise _bad_word(name, value, words)
    return value


def several_of(request: Request, name: str, words: Sequence[str]) -> frozenset[str]:
    """Return the values of a repeatable query parameter; each must be one of the given values. Empty if it is
    absent.
    """
    values = request.query_params.getlist(name)
    for value in values:
        if value not in words:
            raise _bad_word(name, value, words)
    return frozenset(values)


def number(request: Request, name: str, default: int, low: int, high: int | None = None) -> int:
    """Return a whole-number query parameter within bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    bounds = f"a whole number from {low}" + ("" if high is None else f" to {high}")
    if not re.fullmatch(r"-?[0-9]{1,18}", text) or int(text) < low or (high is not None and int(text) > high):
        raise bad_request(f"parameter {name!r} has the value {text!r}: it must be {bounds}.", name)
    return int(text)


def _bad_word(name: str, value: str, words: Sequence[str]) -> ApiError:
    return bad_request(f"parameter {name!r} has the value {value!r}: it must be one of {', '.join(words)}.", name)


CONTROL_PREFIX: Final = "/__emulator__"
