# SPDX-License-Identifier: Apache-2.0
"""Accepted credentials, and the errors for others."""

from __future__ import annotations

import base64

import pytest

KEY = "pok_emulator"
PROJECT = "00000000-0000-4000-8000-000000000001"


def _ask(api, header, project=PROJECT):
    headers = {} if header is None else {"Authorization": header}
    response = api.client.get(f"/v1/projects/{project}/jobs", headers=headers)
    return response.status_code, response.json()


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def _token(api, **changes):
    form = {"grant_type": "client_credentials", "client_id": "emulator", "client_secret": "emulator_secret", **changes}
    response = api.client.post("/auth/realms/emulator/protocol/openid-connect/token", data=form)
    return response.status_code, response.json()


@pytest.mark.parametrize("header", [f"Basic {KEY}", f"basic  {KEY} ", _basic(f"{KEY}:")])
def test_key_raw_and_encoded_is_let_in(api, header) -> None:
    """The vendor's pages show the raw key, the vendor's SDK sends base64 of 'KEY:'."""
    assert _ask(api, header)[0] == 200


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "The request has no credentials."),
        ("Basic", "The request has no credentials."),
        ("Basic wrong", "The API key is missing or not valid."),
        (_basic(KEY), "The API key is missing or not valid."),
        (_basic(f"{KEY}:password"), "The API key is missing or not valid."),
        (_basic("wrong:"), "The API key is missing or not valid."),
        ("Basic ÿþ", "The API key is missing or not valid."),
        (f"Digest {KEY}", "The API key is missing or not valid."),
        ("Bearer nonsense", "The token is not valid."),
    ],
)
def test_other_credentials_are_refused_in_the_envelope(api, header, message) -> None:
    """The 401 states the error without revealing valid credentials."""
    if header is not None:
        header = header.encode("latin-1")
    assert _ask(api, header) == (401, {"code": "Unauthorized", "message": message})


def test_key_is_checked_before_the_project(api) -> None:
    """Without a key, the reply doesn't reveal which projects exist; with a key, another project is a 404."""
    assert _ask(api, "Basic wrong", "other")[0] == 401
    assert _ask(api, f"Basic {KEY}", "other") == (
        404,
        {"code": "NotFound", "message": "Project 'other' does not exist."},
    )


def test_key_is_checked_before_the_body_is_read(api) -> None:
    """A wrong key gets 401 for a body that would be a 400."""
    response = api.client.post(f"{api.prefix}/jobs", content=b"{", headers={"Authorization": "Basic wrong"})
    assert response.status_code == 401


def test_token_of_the_client_lets_in_until_it_expires(api, clock) -> None:
    """A token is valid for five minutes; then the error is the gateway's, without a code."""
    status, answer = _token(api)
    assert (status, answer["token_type"], answer["expires_in"]) == (200, "Bearer", 300)
    bearer = f"Bearer {answer['access_token']}"
    clock.advance(299)
    assert _ask(api, bearer)[0] == 200
    clock.advance(1)
    assert _ask(api, bearer) == (401, {"message": 'Token claims invalid: ["exp"]="token expired"'})


def test_token_of_one_emulator_is_unknown_to_another(api, make_api) -> None:
    """Nothing is shared between two applications in one process."""
    token = _token(api)[1]["access_token"]
    assert _ask(make_api(), f"Bearer {token}")[0] == 401


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "unauthorized_client"),
        ({"client_id": "wrong"}, 401, "unauthorized_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_token_for_others_is_refused(api, changes, status, error) -> None:
    """The errors have Keycloak's format."""
    refused, answer = _token(api, **changes)
    assert (refused, answer["error"]) == (status, error)


def test_creator_of_a_job_is_the_masked_key(make_api) -> None:
    """Jobs show their creator as in the vendor's sample."""
    api = make_api(api_key="pok_vipgjabcdefghijklmnopbjjvyo")
    api.koalas()
    job = api.ok("GET", "/jobs")["values"][0]
    assert job["createdBy"]["username"] == "api-key-pok_vipgj...bjjvyo"
    assert job["createdBy"] == job["lastModifiedBy"]
