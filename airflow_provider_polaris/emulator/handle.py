# SPDX-License-Identifier: Apache-2.0
"""Deprecated: ``PolarisEmulator``, the class of the pytest fixture, was here in release 0.1.0."""

from __future__ import annotations

import warnings
from typing import Any


def __getattr__(name: str) -> Any:
    if name != "PolarisEmulator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from airflow_provider_polaris.emulator.testing.fixture import PolarisEmulator

    text = (
        f"{__name__}.{name} has moved: import it from {PolarisEmulator.__module__}. The old path goes with release 0.4."
    )
    warnings.warn(text, DeprecationWarning, stacklevel=2)
    return PolarisEmulator
