# SPDX-License-Identifier: Apache-2.0
"""Random schedules over real operators and a real emulator; ``make schedules`` runs more of them."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.emulator.assumptions import ASSUMPTIONS, Assumptions
from tests.exactly_once.conftest import JOB_SECONDS
from tests.exactly_once.schedules import ROUNDS, SETUPS, Round, Schedule, Setup
from tests.operators.submission.conftest import FakeClock
from tests.operators.submission.koalas import koalas_emulator

#: In total; the same number for each kind of job and each assumption about markers.
SCHEDULES = int(os.environ.get("SCHEDULES", "27"))
IS_SLOW = SCHEDULES > 100
#: The bounded run is always the same; `make schedules` draws a new one.
SEED = int(
    os.environ.get("SCHEDULES_SEED") or (random.SystemRandom().getrandbits(32) if "SCHEDULES" in os.environ else 1)
)


class Steady(random.Random):
    """No jitter, so that a repeated schedule has the same waits."""

    def random(self) -> float:
        return 0.5


@pytest.fixture
def client_time(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client's own retries pass the fake time."""
    own = {
        "clock": lambda: clock.now().timestamp(),
        "now": clock.now,
        "sleep": clock.advance,
        "rng": Steady(0),
    }
    for name, value in own.items():
        monkeypatch.setitem(PolarisClient.__init__.__kwdefaults__, name, value)  # type: ignore[arg-type]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Return a function that prints: in the slow run to the terminal, otherwise where a failure shows it."""

    def tell(text: str) -> None:
        with capsys.disabled() if IS_SLOW else nullcontext():
            print(text)

    return tell


@pytest.mark.usefixtures("client_time")
@pytest.mark.parametrize("reading", ASSUMPTIONS["unknown_context"])
@pytest.mark.parametrize("kind", ["append", "replace", "delete"])
def test_schedules_keep_one_job_for_one_epoch(
    kind: str, reading: Any, clock: FakeClock, connect: Any, tell: Callable[[str], None]
) -> None:
    """Never two jobs with an effect, never a success without its rows; a failure prints how to reproduce it."""
    count = max(1, SCHEDULES // 9)
    tell(f"\n{count} schedules of {kind}, unknown_context={reading}; SCHEDULES_SEED={SEED} repeats them")
    with koalas_emulator(clock, JOB_SECONDS, assumptions=Assumptions(unknown_context=reading)) as running:
        drawn: Counter[str] = Counter()

        @seed(SEED)
        @settings(
            max_examples=count,
            deadline=None,
            print_blob=True,
            database=None,
            # Shrinking takes minutes, which only `make schedules` has.
            phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if IS_SLOW else [])],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(setup=SETUPS, rounds=ROUNDS)
        def play(setup: Setup, rounds: list[Round]) -> None:
            drawn["schedules"] += 1
            Schedule(running, clock, connect, kind, setup, drawn).play(rounds)

        play()
    tell("\n".join(f"{number:6} {name}" for name, number in sorted(drawn.items())))
