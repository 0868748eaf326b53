# SPDX-License-Identifier: Apache-2.0
"""The scripted jobs, clock and task instance of the tests of operators, for the job sensor."""

from __future__ import annotations

from tests.operators.conftest import (  # noqa: F401  # the fixtures
    airflow_sleeps,
    clock,
    context,
    jobs,
    no_retries,
    running,
    task_log,
    ti,
    triggerer,
)
