# SPDX-License-Identifier: Apache-2.0
"""Tests of a DAG against an emulator that runs in the test process."""

from __future__ import annotations

from datetime import datetime, timezone

import koalas_rollup  # the file of the DAG; its folder is on pytest's pythonpath
import pytest

# [START test_koalas]
SESSIONS = [
    {"__time": "2024-06-01T00:10:00Z", "city": "Cairns", "session_length": 7},
    {"__time": "2024-06-01T00:50:00Z", "city": "cairns", "session_length": 9},
]


def run_the_day() -> str:
    run = koalas_rollup.rollup.dag.test(logical_date=datetime(2024, 6, 2, tzinfo=timezone.utc))
    return str(run.state)


def test_rollup_keeps_the_longest_session_of_an_hour(polaris_emulator):
    polaris_emulator.load("Koalas Source", SESSIONS)
    assert run_the_day() == "success"
    assert polaris_emulator.query('SELECT * FROM "Koalas Rollup"') == [
        {"__time": "2024-06-01T00:00:00.000Z", "city": "CAIRNS", "max_session_length": 9, "__count": 2}
    ]


def test_rollup_of_a_day_that_was_not_loaded_leaves_the_table_alone(polaris_emulator):
    assert run_the_day() == "failed"
    assert polaris_emulator.jobs() == []


def test_rollup_whose_answer_is_lost_makes_no_second_job(polaris_emulator):
    polaris_emulator.load("Koalas Source", SESSIONS)
    polaris_emulator.fault("drop_reply", method="POST", path="/jobs$")
    assert run_the_day() == "success"
    assert len(polaris_emulator.jobs("Koalas Rollup")) == 1


@pytest.mark.polaris_emulator(progression="polls=3")
def test_rollup_waits_for_a_job_that_takes_its_time(polaris_emulator):
    polaris_emulator.load("Koalas Source", SESSIONS)
    assert run_the_day() == "success"


# [END test_koalas]
