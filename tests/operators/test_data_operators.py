# SPDX-License-Identifier: Apache-2.0
"""The operators that delete, restore and drop: from arguments to exactly one job spec, or to one error."""

from __future__ import annotations

import inspect

import pytest

from airflow_provider_polaris.operators.base import PolarisBaseOperator
from airflow_provider_polaris.operators.polaris import (
    PolarisDeleteDataOperator,
    PolarisDropTableOperator,
    PolarisRestoreDataOperator,
)
from airflow_provider_polaris.runtime.compat import AirflowFailException
from tests.operators.conftest import JOB

TABLE = "Koalas Source"
DAY = "2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z"
NEXT_DAY = "2026-11-20T00:00:00.000Z/2026-11-21T00:00:00.000Z"
READ = "GET tables/Koalas%20Source"
TARGET = {"type": "table", "tableName": TABLE}


def delete(**arguments):
    return PolarisDeleteDataOperator(
        **{"task_id": "job", "table_name": TABLE, "wait_for_completion": False, **arguments}
    )


def restore(**arguments):
    return PolarisRestoreDataOperator(
        **{"task_id": "job", "table_name": TABLE, "interval": DAY, "wait_for_completion": False, **arguments}
    )


def drop(**arguments):
    return PolarisDropTableOperator(
        **{
            "task_id": "job",
            "table_name": TABLE,
            "confirm_table_name": TABLE,
            "wait_for_completion": False,
            **arguments,
        }
    )


@pytest.fixture
def table(jobs):
    """Provide a table partitioned by day, and accept jobs."""
    jobs.table(TABLE)
    jobs.accept(type="delete_data")
    return jobs


DELETIONS = {
    "one interval, as a template renders it": (
        {"intervals": "2026-11-19 00:00:00+00:00/2026-11-20 00:00:00+00:00"},
        {"target": {**TARGET, "intervals": [DAY]}, "deleteAll": False, "softDelete": True},
        [READ, "POST jobs"],
    ),
    "intervals, for good": (
        {"intervals": [DAY, "2026-11-20/P1D"], "permanent": "True"},
        {"target": {**TARGET, "intervals": [DAY, NEXT_DAY]}, "deleteAll": False, "softDelete": False},
        [READ, "POST jobs"],
    ),
    "some versions": (
        {"intervals": f'["{DAY}"]', "versions": ["2026-11-20T06:00:00.000Z"]},
        {
            "target": {**TARGET, "intervals": [DAY]},
            "deleteAll": False,
            "softDelete": True,
            "versions": ["2026-11-20T06:00:00.000Z"],
        },
        [READ, "POST jobs"],
    ),
    "everything": (
        {"delete_all": "true"},
        {"target": TARGET, "deleteAll": True, "softDelete": True},
        ["POST jobs"],
    ),
    "part of a partition, on purpose": (
        {"intervals": "2026-11-19T01:00/PT1H", "allow_unaligned": True},
        {
            "target": {**TARGET, "intervals": ["2026-11-19T01:00:00.000Z/2026-11-19T02:00:00.000Z"]},
            "deleteAll": False,
            "softDelete": True,
        },
        ["POST jobs"],
    ),
}


@pytest.mark.parametrize("arguments, spec, asked", DELETIONS.values(), ids=DELETIONS)
def test_delete_submits_what_it_was_told(table, clock, context, arguments, spec, asked):
    """Restorable by default; the table is read if an interval could be widened."""
    assert delete(**arguments).execute(context) == JOB
    assert table.posted == [{"type": "delete_data", **spec}]
    assert table.asked == asked


REFUSED_DELETIONS = {
    "nothing": (
        {},
        (
            "target.intervals [] is empty, and a delete_data job needs the intervals to delete. Name the intervals, or "
            "set deleteAll to true to delete all data of the table."
        ),
    ),
    "both": (
        {"intervals": DAY, "delete_all": True},
        (
            f"deleteAll True cannot be combined with target.intervals ['{DAY}']: a job deletes all data or "
            "those intervals. "
            "Leave one of the two out."
        ),
    ),
    "part of a partition": (
        {"intervals": "2026-11-19T01:00/PT1H"},
        (
            "intervals[0] '2026-11-19T01:00:00.000Z/2026-11-19T02:00:00.000Z' does not fall on the partitions of table "
            f"'Koalas Source' (day), which are deleted whole: '{DAY}' would be deleted. Use that interval or a smaller "
            "one that falls on partitions. Set allow_unaligned=True to delete it anyway."
        ),
    ),
    "no interval": (
        {"intervals": "yesterday"},
        (
            "intervals[0] 'yesterday' needs exactly one '/' between a start and an end. Write it as 'start/end' or "
            "'start/period', for example '2024-06-01/2024-06-02' or '2024-06-01/P1D'."
        ),
    ),
}


@pytest.mark.parametrize("arguments, message", REFUSED_DELETIONS.values(), ids=REFUSED_DELETIONS)
def test_delete_of_something_else_than_was_named_is_refused(table, clock, context, arguments, message):
    """Before the job, without a retry."""
    with pytest.raises(AirflowFailException) as caught:
        delete(**arguments).execute(context)
    assert str(caught.value) == message
    assert table.posted == []


def test_delete_that_finds_nothing_succeeds(table, clock, context):
    """A task that runs twice, or for a missing interval, has nothing to do."""
    table.is_now(
        "completed", type="delete_data", ingestionMode=None, health={"status": "warn", "code": "no_rows_found"}
    )
    table.has()
    assert delete(intervals=DAY, wait_for_completion=True).execute(context) == JOB


def test_restore_submits_what_it_was_told(table, clock, context):
    """One interval, as Polaris writes it, and only the given versions."""
    assert restore(interval="2026-11-19/P1D", versions='["v1"]').execute(context) == JOB
    assert table.posted == [{"type": "restore_data", "target": TARGET, "interval": DAY, "versions": ["v1"]}]
    assert table.asked == ["POST jobs"]


@pytest.mark.parametrize("interval", ["None", ""])
def test_restore_without_an_interval_is_refused(table, clock, context, interval):
    """A template without a value renders no interval."""
    with pytest.raises(AirflowFailException) as caught:
        restore(interval=interval).execute(context)
    assert str(caught.value) == f"interval is {interval!r}: it needs a value. Check the template that renders it."


@pytest.mark.parametrize("permanent", [False, True])
def test_drop_submits_what_was_confirmed(table, clock, context, permanent):
    """Restorable by default."""
    assert drop(permanent=permanent).execute(context) == JOB
    assert table.posted == [{"type": "drop_table", "target": TARGET, "softDelete": not permanent}]


def test_drop_of_an_unconfirmed_table_is_refused(table, clock, context):
    """The names must be equal after rendering."""
    with pytest.raises(AirflowFailException) as caught:
        drop(confirm_table_name="Koalas Rollup").execute(context)
    assert str(caught.value) == (
        "table_name is 'Koalas Source', but confirm_table_name is 'Koalas Rollup': nothing is dropped unless both name "
        "the same table. Correct the one that is wrong."
    )
    assert table.asked == []


@pytest.mark.parametrize(
    "cls",
    [PolarisDeleteDataOperator, PolarisRestoreDataOperator, PolarisDropTableOperator],
    ids=lambda cls: cls.__name__,
)
def test_every_argument_is_templated_and_described(cls):
    """Each can be set by a param instead of a deployment."""
    own = [name for name in inspect.signature(cls.__init__).parameters if name not in ("self", "kwargs")]
    assert list(cls.template_fields) == [*own, *PolarisBaseOperator.template_fields]
    for name in own:
        assert f":param {name}:" in cls.__doc__
