# SPDX-License-Identifier: Apache-2.0
"""The result of a reconciliation, kept over a deferral."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from airflow_provider_polaris.operators.submission.reconcile import Reconciled
from airflow_provider_polaris.operators.submission.record import Record

RECORD = Record(3, {"type": "ab"}, datetime(2026, 11, 20, 6, tzinfo=timezone.utc), "https://acme", "p1", "Koalas")


@pytest.mark.parametrize("before", [Reconciled(None, "resumed", RECORD, ("j1", "j2"), "j2", 3), Reconciled()])
def test_reconciled_survives_a_deferral(before: Reconciled) -> None:
    """All of it but the record, which is read again."""
    assert Reconciled.from_json(json.loads(json.dumps(before.to_json())), before.record) == before


def test_reconciled_has_the_present_record() -> None:
    """The stored one is only compared."""
    saved = Reconciled(None, "resumed", RECORD).to_json()
    assert saved["record"] == RECORD.to_json()
    assert Reconciled.from_json(saved, replace(RECORD, number=2)).record == replace(RECORD, number=2)
