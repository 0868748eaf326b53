# SPDX-License-Identifier: Apache-2.0
"""
Ids, instants and users in the form of Polaris. Performs no I/O.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

#: Nanoseconds since 1970-01-01T00:00:00Z; ``time.time_ns`` except in tests.
Clock = Callable[[], int]

NANOSECONDS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def rfc3339(nanoseconds: int | None) -> str | None:
    """
    Format an instant with nine fractional digits and ``Z``.

    OBSERVED 2023-09-13 in the sample of https://docs.imply.io/polaris/api-ingest-table.

    :param nanoseconds: Since the epoch; None stays None.
    """
    if nanoseconds is None:
        return None
    seconds, rest = divmod(nanoseconds, NANOSECONDS)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def new_job_id(now: int) -> str:
    """
    Return a UUID of version 7 whose time is ``now``.

    OBSERVED 2023-09-13 in the sample of https://docs.imply.io/polaris/api-ingest-table.
    """
    milliseconds = now // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62
    return str(uuid.UUID(int=value | secrets.randbits(62)))


def mask_key(key: str) -> str:
    """
    Mask an API key as Polaris does: ``pok_vipgj...bjjvyo``.

    OBSERVED 2023-09-13 in the sample of https://docs.imply.io/polaris/api-ingest-table. GUESS: for a key that is too
    short to stay secret, only the prefix is shown.
    """
    return f"{key[:9]}...{key[-6:]}" if len(key) >= 24 else f"{key[:4]}..."


def user_of_key(key: str) -> dict[str, Any]:
    """Return the user of an API key; a key always has the same user."""
    digest = hashlib.sha256(key.encode()).digest()
    return {"username": f"api-key-{mask_key(key)}", "userId": str(uuid.UUID(bytes=digest[:16], version=4))}


def user_of_client(client_id: str) -> dict[str, Any]:
    """Return the user of an OAuth client. GUESS: named like Keycloak's service accounts."""
    digest = hashlib.sha256(b"client " + client_id.encode()).digest()
    return {"username": f"service-account-{client_id}", "userId": str(uuid.UUID(bytes=digest[:16], version=4))}
