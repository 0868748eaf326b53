# SPDX-License-Identifier: Apache-2.0
"""No test judges a duration: settings that would are off, and exceptions are listed here."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent
#: Clocks of this machine. A fake one has another name.
_CLOCKS = re.compile(r"\b(perf_counter|process_time|thread_time|monotonic|getrusage|timeit)(_ns)?\(")


def test_hypothesis_judges_no_duration() -> None:
    """By default it fails an example that takes 200 ms, and a test whose examples take long to generate."""
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check


def test_no_test_reads_a_clock_of_this_machine() -> None:
    """Only the end-to-end scenarios do: they give up after minutes, and print rates that no test judges."""
    reading = [
        str(path.relative_to(HERE))
        for path in sorted(HERE.rglob("*.py"))
        if _CLOCKS.search(path.read_text()) and path != Path(__file__)
    ]
    assert reading == ["e2e/harness/waiting.py", "e2e/test_scale.py"]
