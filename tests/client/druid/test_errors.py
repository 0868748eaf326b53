# SPDX-License-Identifier: Apache-2.0
"""Errors of Druid and errors of something in front of it: only the first say anything about a job."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_polaris.client.druid.errors import is_druid_error, is_final_error
from tests.client.druid.fake_tasks import druid_error

JETTY = {"servlet": "default", "message": "x", "url": "/druid", "status": "401"}


def judge(status: int, body: Any, form: Any = is_druid_error) -> bool:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return bool(form(status, {}, raw))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, druid_error("invalidInput", "Column 'x' not found")),
        (400, {"taskId": "i", "state": "FAILED", "error": druid_error("invalidInput", "Object 'x' not found")}),
        (500, {"taskId": "i", "state": "FAILED", "error": druid_error("general", "Task already exists")}),
        (400, {"error": "Plan validation failed", "errorMessage": "x", "errorClass": "y", "host": None}),
        (400, {"error": "Task [query-x] already exists."}),
        (404, druid_error("notFound", "Query [nope] was not found.", "NOT_FOUND")),
        (401, JETTY),
        (403, {**JETTY, "status": "403"}),
        (403, {"Access-Check-Result": "Allowed:false"}),
        (405, b""),
    ],
)
def test_error_of_druid_is_recognized(status: int, body: Any) -> None:
    """In each form that was observed or documented."""
    assert judge(status, body)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"Cannot find any task with id: [nope]"),
        (404, b""),
        (404, {**JETTY, "status": "404"}),
        (404, {"error": "druidException", "category": "INVALID_INPUT", "errorMessage": "x"}),
        (400, b"No TaskIds provided."),
        (400, b"<html><title>400 Bad Request</title></html>"),
        (400, {"message": "bad request"}),
        (400, {**JETTY, "status": "400"}),
        (403, {"error": {"code": 403, "status": "PERMISSION_DENIED"}}),
        (405, b"no"),
        (400, b"[]"),
        (400, b"{"),
    ],
)
def test_error_that_anything_could_have_written_is_foreign(status: int, body: Any) -> None:
    """A 404 above all: it never proves that a task or a table is absent."""
    assert not judge(status, body)


def test_404_about_a_task_is_not_repeated() -> None:
    """A report is often missing; what the 404 means is asked elsewhere."""
    assert judge(404, b"", is_final_error)
    assert not judge(400, b"", is_final_error)
