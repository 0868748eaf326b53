# SPDX-License-Identifier: Apache-2.0
"""All formats of an error body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_polaris.client.http.error_body import Envelope, read_envelope


def read(data: Any, content_type: str = "application/json") -> Envelope:
    return read_envelope(data if isinstance(data, bytes) else json.dumps(data).encode(), content_type)


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        ({"code": "BadArgument", "message": "Bad table."}, "BadArgument", "Bad table"),
        (
            {
                "code": "BadArgument",
                "message": "Invalid job.",
                "target": "job",
                "details": [
                    {"code": "X", "message": "unknown column 'a'.", "target": "mappings[0]"},
                    {"code": "Y", "message": "too long", "details": [{"message": "really"}]},
                ],
                "innererror": {"code": "Z", "message": "at line 1"},
            },
            "BadArgument",
            "Invalid job (mappings[0]: unknown column 'a'; Y: too long; really; Z: at line 1)",
        ),
        (
            {"message": 'Token claims invalid: ["exp"]="token expired"'},
            None,
            'Token claims invalid: ["exp"]="token expired"',
        ),
        ({"code": 400, "message": "no"}, "400", "no"),
        ({"error": {"code": "E", "message": "nested"}}, "E", "nested"),
        (
            {
                "error": "druidException",
                "errorCode": "invalidInput",
                "errorMessage": "Column 'x'\nnot found",
                "persona": "USER",
                "category": "INVALID_INPUT",
            },
            "invalidInput",
            "Column 'x' not found",
        ),
        (
            {"taskId": "q1", "state": "FAILED", "error": {"errorCode": "C", "errorMessage": "boom"}},
            "C",
            "boom",
        ),
        ({"error": "invalid_client", "error_description": "Bad secret"}, "invalid_client", "Bad secret"),
        ({"error": "plain"}, None, "plain"),
        ({"details": ["one", {"nothing": 1}]}, None, "one"),
        ("just text", None, "just text"),
        (b"upstream connect error", None, "upstream connect error"),
    ],
)
def test_envelope_of_each_known_shape_gives_code_and_text(body: Any, code: str | None, sentence: str) -> None:
    """Code and text are found in every format."""
    envelope = read(body, "text/plain" if isinstance(body, bytes) else "application/json")
    assert (envelope.code, envelope.sentence(), envelope.remark) == (code, sentence, None)


@pytest.mark.parametrize(
    ("body", "content_type", "remark"),
    [
        (b"", "", "an empty body"),
        (b" \n\0", "application/json", "an empty body"),
        (b"<html><head><title>502 Bad\n Gateway</title></head></html>", "text/html", "the HTML page '502 Bad Gateway'"),
        (b"<!DOCTYPE html><HTML><h1>No &amp; never</h1>", "", "the HTML page 'No & never'"),
        (b"<html><body>hm", "text/html", "an HTML page"),
        (b'{"code": "x", "mess', "application/json", 'broken JSON: \'{"code": "x", "mess\''),
        (b"[1, 2]", "application/json", "the body '[1, 2]'"),
        (b"{}", "application/json", "the body '{}'"),
        (b"null", "application/json", "the body 'null'"),
    ],
)
def test_envelope_of_a_body_that_is_none_is_described(body: bytes, content_type: str, remark: str) -> None:
    """Pages, fragments and empty bodies are described."""
    envelope = read_envelope(body, content_type)
    assert (envelope.code, envelope.text, envelope.remark) == (None, None, remark)


def test_envelope_of_a_long_text_is_shortened() -> None:
    """A megabyte of text doesn't fill the log."""
    envelope = read_envelope(b"x" * 1_000_000, "text/plain")
    assert envelope.sentence() == f"{'x' * 300}… (1000000 characters)"
    assert len(read({"message": "y" * 9000}).sentence()) < 2100


def test_envelope_of_a_long_text_keeps_a_reason_at_either_end() -> None:
    """Some services write the reason before the SQL, some after it."""
    sentence = read({"message": f"before {'y' * 3_000_000} after"}).sentence()
    assert sentence == f"before {'y' * 993}… (3000013 characters) …{'y' * 994} after"


def test_envelope_nested_without_end_is_read() -> None:
    """Neither the depth nor the number of details breaks the parser."""
    deep = b'{"innererror":' * 50_000 + b"{}" + b"}" * 50_000
    assert read_envelope(deep, "application/json").remark is not None
    many = read({"message": "m", "details": [{"message": str(number)} for number in range(99)]})
    assert many.sentence() == "m (0; 1; 2; 3; 4)"


def test_envelope_text_stays_verbatim() -> None:
    """Only the message is put on one line."""
    assert read({"code": "c", "message": " two\n lines. "}).text == " two\n lines. "
