# SPDX-License-Identifier: Apache-2.0
"""Report what was skipped because something isn't installed, in the last lines of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable
from typing import Any

import pytest

#: How the reason of such a skip begins; the name of the missing package follows.
WANTING = "for want of "
_NO_MODULE = "could not import "


@pytest.hookimpl(wrapper=True, tryfirst=True)  # the outermost, so that its lines are the last
def pytest_terminal_summary(terminalreporter: Any) -> Generator[None, None, None]:
    """Print one line for each missing package."""
    yield
    for line in lines(terminalreporter.stats.get("skipped", ())):
        terminalreporter.write_line(line, yellow=True)


def lines(skipped: Iterable[Any]) -> list[str]:
    """
    Return one line for each thing that is missing, the most tests first.

    :param skipped: pytest's reports of tests and files that were skipped.
    """
    missing = Counter(wanted for report in skipped if (wanted := _wanted(report)) is not None)
    return [
        f"skipped: {count} {'test' if count == 1 else 'tests'} {WANTING}{wanted}"
        for wanted, count in missing.most_common()
    ]


def _wanted(report: Any) -> str | None:
    """Return what is missing for a test; None if the test doesn't apply to this Airflow."""
    _, _, reason = report.longrepr
    reason = reason.removeprefix("Skipped: ")
    if reason.startswith(WANTING):
        return str(reason.removeprefix(WANTING))
    if reason.startswith(_NO_MODULE):
        return f"the module {reason.removeprefix(_NO_MODULE).partition(':')[0]}"
    return None
