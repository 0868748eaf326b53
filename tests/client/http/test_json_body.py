# SPDX-License-Identifier: Apache-2.0
"""Untrusted JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_polaris.client.http.json_body import Unreadable, problem_of_text, read_json

NO_JSON = "the body is not JSON, or is cut off"
TOO_LARGE = "the body has a number that is too large to compute with"
TOO_DEEP = "the body nests more than 100 levels"


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", NO_JSON),
        (b"{", NO_JSON),
        (b'"\xff"', NO_JSON),
        (b"NaN", NO_JSON),
        (b'{"x": Infinity}', NO_JSON),
        (b"[-Infinity]", NO_JSON),
        (b"9" * 309, TOO_LARGE),
        (b"-" + b"9" * 309, TOO_LARGE),
        (b"[1" + b"0" * 400 + b"]", TOO_LARGE),
        (b"9" * 5000, TOO_LARGE),
        (b"1e400", TOO_LARGE),
        (b"-1e400", TOO_LARGE),
        (nested(101), TOO_DEEP),
        (b'{"x":' * 101 + b"1" + b"}" * 101, TOO_DEEP),
        (b'["]",' * 101 + b"1" + b"]" * 101, TOO_DEEP),
        (b'["]",' * 101 + b"1" + b',"["]' * 101, TOO_DEEP),
        (b'["",' * 101 + b'"]"' + b"]" * 101, TOO_DEEP),
        (b'["\\\\","\\"]",' * 101 + b"1" + b',"\\"["]' * 101, TOO_DEEP),
        (("[" * 101 + "]" * 101).encode("utf-16"), NO_JSON),
        (b'{"}": 1, "x":' * 101 + b"1" + b"}" * 101, TOO_DEEP),
        (nested(100_000), NO_JSON),
    ],
)
def test_body_that_cannot_be_used_says_why(body: bytes, problem: str) -> None:
    """Nothing is raised, because a traceback would contain the body."""
    assert read_json(body) == Unreadable(problem)


@pytest.mark.parametrize(
    "body",
    [
        b"9" * 308,
        b"-" + b"9" * 308,
        b"1e308",
        nested(100),
        b"[" + b",".join([nested(99)] * 500) + b"]",
        b'"' + b"9" * 500 + b'"',
        b'["' + b"[{" * 500 + b'"]',
        b'["\\\\", "[", "\\"' + b"[" * 500 + b'"]',
        b"\xef\xbb\xbf{}",
        b'[{"x": "]"}, {"x": "}"}]',
    ],
)
def test_body_at_the_limits_is_read(body: bytes) -> None:
    """Brackets and digits in texts are ignored."""
    assert read_json(body) == json.loads(body)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats(allow_nan=False, allow_infinity=False)),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    )
)
def test_body_that_is_no_attack_is_read_as_it_stands(data: Any) -> None:
    """The checks change no value."""
    assert read_json(json.dumps(data).encode()) == data


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("x" * 1000, ""),
        (None, "the body has no 'state'"),
        ("", "the body has no 'state'"),
        ({"a": 1}, "its 'state' is an object, not a text"),
        ([], "its 'state' is an array, not a text"),
        (True, "its 'state' is a boolean, not a text"),
        (0, "its 'state' is a number, not a text"),
        (1.5, "its 'state' is a number, not a text"),
        ("x" * 1001, "its 'state' has 1001 characters, more than 1000"),
    ],
)
def test_field_that_must_be_a_text_says_what_it_is(value: object, problem: str) -> None:
    """A status that is an object, or a megabyte long, is rejected."""
    assert problem_of_text(value, "state") == problem


@given(
    st.recursive(
        st.text(alphabet='[]{}"\\a', max_size=4),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(alphabet='[]{}"\\', max_size=3), inner, max_size=3)
        ),
    ),
    st.integers(95, 105),
)
def test_depth_is_measured_whatever_the_texts_are(inner: Any, wrapped: int) -> None:
    """Brackets, quotes and backslashes in texts neither hide a level nor add one."""

    def depth(data: Any) -> int:
        if not isinstance(data, (list, dict)):
            return 0
        return 1 + max(map(depth, data.values() if isinstance(data, dict) else data), default=0)

    data = inner
    for level in range(wrapped):
        data = {"]": "[", '"': data} if level % 2 else ["}", data, "\\"]
    body = json.dumps(data, separators=(",", ":")).encode()
    assert read_json(body) == (Unreadable(TOO_DEEP) if depth(data) > 100 else data)
