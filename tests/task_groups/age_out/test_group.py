# SPDX-License-Identifier: Apache-2.0
"""The task group from the perspective of a DAG author."""

from __future__ import annotations

import inspect

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_polaris.runtime.compat import AirflowException, TaskGroup
from airflow_provider_polaris.task_groups import arguments as own_arguments
from airflow_provider_polaris.task_groups.age_out.copy import AgeOutCopyOperator
from airflow_provider_polaris.task_groups.age_out.delete import AgeOutDeleteOperator
from airflow_provider_polaris.task_groups.age_out.plan import AgeOutPlanOperator
from airflow_provider_polaris.task_groups.age_out.prove import AgeOutProveOperator
from airflow_provider_polaris.task_groups.polaris import PolarisAgeOutTaskGroup
from airflow_provider_polaris.task_groups.read_only_task import ReadOnlyTask
from tests.task_groups.age_out.world import FIRST


def group(**arguments) -> PolarisAgeOutTaskGroup:
    with DAG("koalas", schedule=None, start_date=FIRST):
        return PolarisAgeOutTaskGroup(
            **{
                "group_id": "age_out",
                "source_table": "S",
                "target_table": "T",
                "older_than": "P30D",
                "dimensions": ["city"],
                **arguments,
            }
        )


def test_group_has_four_tasks_in_a_row() -> None:
    """Each task waits for the previous one."""
    made = group()
    tasks = [made.plan, made.copy, made.prove, made.delete]
    assert [task.task_id for task in tasks] == ["age_out.plan", "age_out.copy", "age_out.prove", "age_out.delete"]
    assert [sorted(task.downstream_task_ids) for task in tasks] == [
        ["age_out.copy", "age_out.prove"],
        ["age_out.prove"],
        ["age_out.delete"],
        [],
    ]
    assert made.tooltip == "Age S out to T"


def test_group_gives_each_task_the_arguments_that_it_takes() -> None:
    """Shared arguments go to all tasks, those of the copy to the copy, those of Airflow's group to the group."""
    made = group(
        polaris_conn_id="other",
        poll_interval=7,
        timeout=70,
        deferrable=True,
        durable=False,
        pending_warning_after=9,
        partitioned_by="day",
        on_shrink="submit",
        checks={"rows": "COUNT(*) > 0"},
        tooltip="away with it",
        default_args={"retries": 5},
    )
    for task in (made.plan, made.copy, made.prove, made.delete):
        assert (task.polaris_conn_id, task.poll_interval, task.timeout, task.retries) == ("other", 7, 70, 5)
        assert task.deferrable is True
        if task in (made.copy, made.delete):
            assert (task.durable, task.pending_warning_after) == (False, 9)
    assert (made.copy.partitioned_by, made.copy.on_shrink) == ("day", "submit")
    assert made.copy.checks == {"rows": "COUNT(*) > 0"}
    assert made.plan.copy_arguments == {
        "partitioned_by": "day",
        "on_shrink": "submit",
        "checks": {"rows": "COUNT(*) > 0"},
        "dimensions": ["city"],
    }
    assert made.tooltip == "away with it"


def test_group_refuses_what_it_decides_itself() -> None:
    """Before it creates any task."""
    with pytest.raises(TypeError) as caught:
        group(replace_all=True, ingestion_mode="append")
    assert str(caught.value) == ("PolarisAgeOutTaskGroup sets ingestion_mode, replace_all of its copy itself: omit it.")


def test_group_refuses_an_argument_that_nothing_takes() -> None:
    """A misspelt argument is refused."""
    with pytest.raises((TypeError, AirflowException), match="mesures"):
        group(mesures={"n": "COUNT(*)"})


@pytest.mark.parametrize("cls", [AgeOutPlanOperator, AgeOutCopyOperator, AgeOutProveOperator, AgeOutDeleteOperator])
def test_every_argument_of_a_task_is_a_template_or_fixed(cls) -> None:
    """Only the name of the first task isn't rendered."""
    own = [name for name in inspect.signature(cls.__init__).parameters if name not in ("self", "kwargs")]
    assert [name for name in own if name not in cls.template_fields] in ([], ["first_task"])
    for name in own:
        assert f":param {name}:" in cls.__doc__
    assert set(ReadOnlyTask.template_fields) <= set(cls.template_fields)


def test_every_argument_of_the_group_is_described() -> None:
    """And those of Airflow's group that it passes on exist."""
    own = [name for name in inspect.signature(PolarisAgeOutTaskGroup.__init__).parameters if name != "self"]
    for name in own:
        assert f":param {name}:" in PolarisAgeOutTaskGroup.__doc__
    known = set(inspect.signature(TaskGroup.__init__).parameters)
    assert {"default_args", "tooltip", "prefix_group_id", "dag"} <= known & own_arguments.OF_GROUPS
