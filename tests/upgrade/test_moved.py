# SPDX-License-Identifier: Apache-2.0
"""Paths that the documentation of 0.1.0 had still lead to the same classes, with a warning."""

from __future__ import annotations

from importlib import import_module

import pytest

from airflow_provider_polaris.emulator.testing.fixture import PolarisEmulator
from airflow_provider_polaris.jobs.errors import PolarisGuardUnansweredError, PolarisRecordError

MOVED = {
    "counting": PolarisGuardUnansweredError,
    "emulator.handle": PolarisEmulator,
    "submission.record": PolarisRecordError,
}


@pytest.mark.parametrize("place", MOVED)
def test_moved_class_is_found_at_its_old_place_with_a_warning(place: str) -> None:
    """The warning has the old path, the new one, and the release that removes it."""
    module, moved = import_module(f"airflow_provider_polaris.{place}"), MOVED[place]

    with pytest.warns(DeprecationWarning, match="has moved") as warned:
        found = getattr(module, moved.__name__)

    assert found is moved
    old, new = f"airflow_provider_polaris.{place}.{moved.__name__}", moved.__module__
    told = f"{old} has moved: import it from {new}. The old path goes with release 0.4."
    assert [str(each.message) for each in warned] == [told]
    assert warned[0].filename == __file__


@pytest.mark.parametrize("place", MOVED)
def test_other_names_of_these_modules_do_not_exist(place: str) -> None:
    """Tools that look for attributes get the usual error, and no warning."""
    module = import_module(f"airflow_provider_polaris.{place}")

    with pytest.raises(AttributeError, match=f"^module 'airflow_provider_polaris.{place}' has no attribute 'other'$"):
        _ = module.other
