"""Each attempt leaves one log line and one counter."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from tests.provider.submission.conftest import Polaris, Task


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    from airflow.providers.common.compat.sdk import Stats

    names: list[str] = []
    monkeypatch.setattr(Stats, "incr", names.append, raising=False)
    return names


def first(task: Task, polaris: Polaris) -> None:
    task.submit(polaris.append())


def lost(task: Task, polaris: Polaris) -> None:
    task.wire.posts = ["lost"]
    task.submit(polaris.append())


def retried(task: Task, polaris: Polaris) -> None:
    task.submit(polaris.append())
    task.retry().submit(polaris.append())


def found(task: Task, polaris: Polaris) -> None:
    task.submit(polaris.append())
    assert task.store is not None
    task.store.clear()
    task.retry().submit(polaris.append())


def cleared(task: Task, polaris: Polaris) -> None:
    task.submit(polaris.append())
    task.clear().submit(polaris.append())


def refused(task: Task, polaris: Polaris) -> None:
    task.submit(polaris.append())
    polaris.finish()
    with pytest.raises(PolarisGuardError):
        task.clear().submit(polaris.append())


CASES: dict[str, tuple[Callable[[Task, Polaris], Any], str, str]] = {
    "submitted": (first, "submitted", "Submitted Polaris job {0!r} (batch into {table!r}), pending. See {url}/{0}"),
    "lost": (
        lost,
        "adopted",
        (
            "Adopted Polaris job {0!r} (batch into {table!r}), pending: it is what came of the POST without an answer. "
            "See {url}/{0}"
        ),
    ),
    "resumed": (
        retried,
        "resumed",
        "Resumed Polaris job {0!r} (batch into {table!r}), pending, of an earlier try of this task. See {url}/{0}",
    ),
    "adopted": (
        found,
        "adopted",
        "Adopted Polaris job {0!r} (batch into {table!r}), pending, of an earlier try of this task. See {url}/{0}",
    ),
    "settled": (
        cleared,
        "settled",
        "Submitted Polaris job {1!r} (batch into {table!r}), pending, in the place of job {0!r}. See {url}/{1}",
    ),
    "refused": (refused, "refused", "Refused to submit: Polaris job {0!r}"),
}


@pytest.mark.parametrize(("act", "counter", "text"), CASES.values(), ids=CASES)
def test_submit_tells_once_how_it_went(
    act: Callable[[Task, Polaris], Any],
    counter: str,
    text: str,
    task: Task,
    polaris: Polaris,
    counted: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The last attempt's line names its job, and where to look."""
    with caplog.at_level(logging.INFO, "test.submission"):
        act(task, polaris)
    url = task.wire.job_url("")[:-1]
    ids = [job.id for job in polaris.jobs]
    line = text.format(*ids, table=polaris.table, url=url)
    assert caplog.records[-1].getMessage().startswith(line)
    assert sum(record.getMessage().startswith(line[:8]) for record in caplog.records) <= 2
    assert counted[-1] == f"polaris.submit.{counter}"
    assert len(counted) == task.try_number
