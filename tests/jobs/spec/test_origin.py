# SPDX-License-Identifier: Apache-2.0
"""The origin of a job: what is sent, and what is read from a context that anybody can write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_polaris.jobs.spec.origin import JobOrigin, origin_in, user_in, with_origin

ORIGIN = JobOrigin("koalas", "group.rollup", "scheduled__2024-06-01T00:00:00+00:00", 3, 2)
WIRE = {
    "dag": "koalas",
    "task": "group.rollup",
    "run": "scheduled__2024-06-01T00:00:00+00:00",
    "mapIndex": 3,
    "try": 2,
}


def test_origin_is_read_as_it_was_sent() -> None:
    """A round trip, from a job and from its spec."""
    assert ORIGIN.to_wire() == WIRE
    job = with_origin({"type": "batch", "context": {"airflow": "m"}}, ORIGIN)
    assert job == {"type": "batch", "context": {"airflow": "m", "airflowOrigin": WIRE}}
    assert origin_in(job) == origin_in({"spec": job}) == origin_in({"context": None, "spec": job}) == ORIGIN


def test_origin_of_the_user_stays() -> None:
    """A key that the user has set is no room for ours."""
    spec = {"type": "batch", "context": {"airflowOrigin": "mine"}}
    assert with_origin(spec, ORIGIN) == spec
    assert origin_in(spec) is None


def test_origin_that_is_sent_is_short_and_printable() -> None:
    """Airflow's ids are short; a longer one is cut, and what would break a line or a terminal is replaced."""
    sent = JobOrigin("d" * 5_000_000, "t\n\x1b[31m\ud800", "r\u202e").to_wire()
    assert sent["dag"] == "d" * 228 + "… (5000000 characters)"
    assert (sent["task"], sent["run"]) == ("t\ufffd\ufffd[31m\ufffd", "r\ufffd")
    assert len(json.dumps(sent)) < 1000


@pytest.mark.parametrize(
    "value",
    [
        None,
        "koalas",
        ["koalas"],
        {},
        {"dag": "d", "task": "t"},
        {"dag": "d", "task": "t", "run": " "},
        {"dag": 1, "task": "t", "run": "r"},
        {"dag": {"a": "b"}, "task": "t", "run": "r"},
    ],
)
def test_origin_that_is_none_is_none(value: Any) -> None:
    """Other clients may use the key for something else."""
    assert origin_in({"context": {"airflowOrigin": value}}) is None


@pytest.mark.parametrize("number", [-1, 10**9, 1.5, "2", True, [2]])
def test_origin_with_an_odd_number_has_none(number: Any) -> None:
    """The ids are shown without it."""
    found = origin_in({"context": {"airflowOrigin": {**WIRE, "mapIndex": number, "try": number}}})
    assert (str(found), found and found.label) == (
        "task 'group.rollup' of DAG 'koalas', run 'scheduled__2024-06-01T00:00:00+00:00'",
        "koalas.group.rollup scheduled__2024-06-01T00:00:00+00:00",
    )


def test_origin_that_is_hostile_is_shown_on_one_short_line() -> None:
    """Neither control characters nor megabytes reach a terminal or a log."""
    found = origin_in({"context": {"airflowOrigin": {"dag": "\x1b]0;x\x07", "task": "t\r\nDone", "run": "r" * 10**6}}})
    assert found is not None
    for text in (str(found), found.label):
        assert text.isprintable()
        assert len(text) < 400


@pytest.mark.parametrize(
    ("job", "user"),
    [
        ({"createdBy": {"username": "etl-key", "userId": "1"}}, "etl-key"),
        ({"createdBy": {"username": "a\x1bb"}}, "a\ufffdb"),
        ({"createdBy": {"username": ""}}, None),
        ({"createdBy": {"username": 7}}, None),
        ({"createdBy": "etl-key"}, None),
        ({}, None),
    ],
)
def test_user_is_the_one_that_the_service_names(job: dict[str, Any], user: str | None) -> None:
    """Anything but a name is no user."""
    assert user_in(job) == user
