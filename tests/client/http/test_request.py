# SPDX-License-Identifier: Apache-2.0
"""Request bodies that record whether they have been read."""

from __future__ import annotations

import io

from airflow_provider_polaris.client.http.request import Body, form_body, json_body


def test_body_is_not_started_until_it_is_read() -> None:
    """Measuring and rewinding a body doesn't count as sending."""
    body = Body([b"head", io.BytesIO(b"file"), b"", b"tail"], "text/plain")
    assert (len(body), body.started) == (12, False)
    assert b"".join(body) == b"headfiletail"
    assert body.started
    body.rewind()
    assert not body.started
    assert body.read(2) == b"he"
    assert body.read() == b"ad"


def test_body_of_text_outside_ascii_counts_bytes() -> None:
    """The announced length is the length that is sent."""
    body = json_body({"name": "Köalä ☃"}, "table")
    assert len(body) == len(b"".join(body))


def test_body_of_a_form_is_encoded() -> None:
    """Secrets with special characters arrive unchanged."""
    body = form_body({"client_secret": "a&b=c/ü"})
    assert b"".join(body) == b"client_secret=a%26b%3Dc%2F%C3%BC"
    assert repr(body) == "Body(32 bytes of application/x-www-form-urlencoded)"
