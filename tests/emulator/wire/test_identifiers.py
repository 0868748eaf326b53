# SPDX-License-Identifier: Apache-2.0
"""Ids, instants and users."""

from __future__ import annotations

import uuid

from airflow_provider_polaris.emulator.wire.identifiers import mask_key, new_job_id, rfc3339, user_of_key

# Id and creation time of the vendor's sample, https://docs.imply.io/polaris/api-ingest-table
SAMPLE_NS = 1_694_644_307_800_252_712
SAMPLE_TEXT = "2023-09-13T22:31:47.800252712Z"
SAMPLE_ID = "018a90ac-0758-762b-b502-c5b1293302fe"


def test_rfc3339_has_nine_digits_and_z() -> None:
    """An instant is written as in the vendor's sample; no instant is null."""
    assert rfc3339(SAMPLE_NS) == SAMPLE_TEXT
    assert rfc3339(1_719_792_000_000_000_001) == "2024-07-01T00:00:00.000000001Z"
    assert rfc3339(None) is None


def test_new_job_id_is_a_uuid_of_version_7_that_holds_the_time() -> None:
    """As in the vendor's sample, the first 48 bits are the milliseconds of the creation."""
    job_id = uuid.UUID(new_job_id(SAMPLE_NS))
    assert (job_id.version, job_id.variant) == (7, uuid.RFC_4122)
    assert str(job_id)[:13] == SAMPLE_ID[:13]
    assert new_job_id(SAMPLE_NS) != new_job_id(SAMPLE_NS)


def test_mask_key_shows_what_the_sample_shows() -> None:
    """A long key keeps its first nine and last six characters; a short key reveals nothing."""
    assert mask_key("pok_vipgjabcdefghijklmnopbjjvyo") == "pok_vipgj...bjjvyo"
    assert mask_key("pok_emulator") == "pok_..."


def test_user_of_key_is_the_same_for_the_same_key() -> None:
    """The user's id belongs to the key and doesn't reveal it."""
    user = user_of_key("pok_emulator")
    assert user["username"] == "api-key-pok_..."
    assert user == user_of_key("pok_emulator")
    assert user["userId"] != user_of_key("pok_emulator2")["userId"]
    assert uuid.UUID(user["userId"]).version == 4
