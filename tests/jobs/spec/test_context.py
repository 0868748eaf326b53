# SPDX-License-Identifier: Apache-2.0
"""Setting and reading of failOnEmptyInsert in a job's context."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.spec.context import has_empty_insert_check, with_empty_insert_check


@pytest.mark.parametrize("context", [None, {}, {"maxNumTasks": 3}])
def test_with_check_adds_the_key_and_leaves_the_rest(context: Any) -> None:
    """The key is added to the context, and the user's object stays unchanged."""
    spec = {"type": "batch", "context": context}
    assert with_empty_insert_check(spec) == {"type": "batch", "context": {"failOnEmptyInsert": True, **(context or {})}}
    assert spec == {"type": "batch", "context": context}


def test_with_check_users_own_value_stays() -> None:
    """The user's own value is kept."""
    spec = {"type": "batch", "context": {"failOnEmptyInsert": False}}
    assert with_empty_insert_check(spec) == spec


@pytest.mark.parametrize(
    "spec, has", [({}, False), ({"context": None}, False), ({"context": {"failOnEmptyInsert": False}}, True)]
)
def test_has_check_looks_for_the_key(spec: dict[str, Any], has: bool) -> None:
    """Any value of the key counts, because a server may reject the key."""
    assert has_empty_insert_check(spec) is has
