# SPDX-License-Identifier: Apache-2.0
"""Recognize the proof that a person has approved; performs no I/O."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
from airflow_provider_polaris.jobs.errors import PolarisGuardError


def digest_of(proof: Any) -> str:
    """
    Return the digest of a proof.

    :param proof: Result of the prove task.
    :raises PolarisSpecError: It is no proof.
    """
    text = json.dumps(AgingPlan.from_json(proof, "proof").to_json(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def check_digest(proof: Any, approved: Any) -> None:
    """
    Refuse a deletion whose proof is not the approved one.

    :param proof: Result of the prove task.
    :param approved: Digest of the approved proof; None if nobody is asked, and empty if the approval has none, because
        a person marked its task as success.
    :raises PolarisGuardError: The proof has changed.
    """
    if approved and str(approved) != digest_of(proof):
        raise PolarisGuardError(
            "the proof has changed since its deletion was approved. Nothing was deleted. Start a new DAG run for this "
            "interval, which asks again."
        )
