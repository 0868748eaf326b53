# SPDX-License-Identifier: Apache-2.0
"""Run commands in this process as a shell runs them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_polaris.cli import main
from tests.emulator.testing.client import ROLLUP


@dataclass(frozen=True)
class Done:
    """A command that has run: its exit code and its output."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture(scope="package", autouse=True)
def missing_key_told(airflow_db: None) -> None:
    """Create Airflow's tables, and let it warn about its missing key before a test reads stderr."""
    from airflow.models.crypto import get_fernet

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        get_fernet()


@pytest.fixture
def run(capsys) -> Run:
    """Return a function that runs a command."""

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    return run


@pytest.fixture
def submit(polaris_emulator) -> Callable[..., str]:
    """Return a function that submits a rollup of two rows, with changes, and returns the job's id."""
    from airflow_provider_polaris.hooks.polaris import PolarisHook

    polaris_emulator.load("events", [{"__time": "2024-06-01T00:10:00Z"}, {"__time": "2024-06-01T00:20:00Z"}])
    hook = PolarisHook()

    def submit(**changes: Any) -> str:
        return str(hook.submit_job({**ROLLUP, **changes})["id"])

    yield submit
    hook.close()
