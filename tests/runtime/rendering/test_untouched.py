# SPDX-License-Identifier: Apache-2.0
"""Texts without template marks, in every templated argument of every class that the package has."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.runtime.argument_kinds import ARGUMENTS, TEXT
from tests.runtime.rendering.public import GROUPS, OPERATORS, dag, make, parameters

#: Look like Python, JSON, numbers or half a template, or end in characters that Jinja removes.
TEMPTING = [
    "2024_06", "1", "-1", "0x10", "1e5", "1.50", "True", "None", "'city'", '"session length"', "'a' 'b'", "b'x'",
    "[1]", '["city"]', "{'a': 1}", "(1, 2)", "...", "x\n", "x\n\n", "x\r\n", " x ", "\t1", "}} %} #}", "{ {", "{",
    "\\n", "2024-06-01/2024-06-02", "# no comment", "COUNT(*)", '"a" > 1', "\N{KOALA}",
]  # fmt: skip
TEXTS = (st.sampled_from(TEMPTING) | st.text()).filter(
    lambda text: not any(mark in text for mark in ("{{", "{%", "{#")) and not text.endswith(".json")
)
VALUES = st.recursive(
    TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            TEXTS | st.sampled_from(["mappings", "source", "context", "interval", "spec"]), inner, max_size=3
        )
        | st.tuples(inner, inner)
    ),
    max_leaves=6,
)


def test_there_are_classes_to_look_at() -> None:
    """The search below finds the classes that users import, and the tasks of the groups."""
    names = {each.__name__ for each in [*OPERATORS, *GROUPS]}
    assert names >= {
        "AgeOutCopyOperator",
        "AgeOutDeleteOperator",
        "AgeOutPlanOperator",
        "AgeOutProveOperator",
        "BackfillPlanOperator",
        "PolarisAgeOutTaskGroup",
        "PolarisBackfillTaskGroup",
        "PolarisDataSensor",
        "PolarisDeleteDataOperator",
        "PolarisDropTableOperator",
        "PolarisJobOperator",
        "PolarisJobSensor",
        "PolarisRestoreDataOperator",
        "PolarisSqlJobOperator",
        "PolarisTableToTableOperator",
    }


@pytest.mark.parametrize("native", [True, False], ids=["native", "ordinary"])
@pytest.mark.parametrize("cls", OPERATORS, ids=lambda cls: cls.__name__)
def test_text_without_marks_is_unchanged_in_every_field(cls: type, native: bool) -> None:
    """Alone and inside lists, objects and tuples, keys included; also in mapped tasks."""
    operator = make(cls, native=native)
    environment = operator.get_template_env()

    @settings(max_examples=25, deadline=None)
    @given(VALUES, st.booleans())
    @example(TEMPTING, False)
    @example({text: text for text in TEMPTING}, True)
    def check(value: Any, is_mapped: bool) -> None:
        for name in operator.template_fields:
            setattr(operator, name, value)
        if is_mapped:
            operator._do_render_template_fields(
                parent=operator,
                template_fields=operator.template_fields,
                context={},
                jinja_env=environment,
                seen_oids=set(),
            )
        else:
            operator.render_template_fields({})
        for name in operator.template_fields:
            assert (name, getattr(operator, name)) == (name, value)

    check()


def _texts_of(group: Any) -> set[str]:
    """Return the text arguments of a task group: its own, and those of its operator."""
    own = {each.name for each in parameters(group)}
    handed_on = {each.name for each in parameters(PolarisTableToTableOperator)} - sys.modules[group.__module__]._DECIDED
    return {name for name in own | handed_on if ARGUMENTS.get(name) is TEXT}


@pytest.mark.parametrize("native", [True, False], ids=["native", "ordinary"])
@pytest.mark.parametrize("cls", GROUPS, ids=lambda cls: cls.__name__)
def test_text_without_marks_goes_through_a_task_group_unchanged(cls: type, native: bool) -> None:
    """After rendering, every task of the group has its arguments as they were passed to the group."""
    names = _texts_of(cls)
    assert names >= {"source_table", "target_table", "interval", "polaris_conn_id", "filter_expression", "on_shrink"}

    @settings(max_examples=20, deadline=None)
    @given(TEXTS)
    @example("2024_06")
    @example("'city'\n")
    def check(text: str) -> None:
        texts = dict.fromkeys(names, text)
        nested = {"dimensions": {text: text}, "measures": {text: text}, "context": {text: [text]}}
        with dag(native=native):
            group = cls(group_id="group", tooltip="", **texts, **nested)
        arrived: set[str] = set()
        for task in group.children.values():
            each = task.unmap({"interval": text}) if hasattr(task, "partial_kwargs") else task
            before = {
                name: getattr(each, name)
                for name in each.template_fields
                if not (each.task_id == "group.copy" and name == "target_intervals")
                and name not in ("plan", "proof", "job_id")
            }
            each._do_render_template_fields(
                parent=each,
                template_fields=tuple(before),
                context={},
                jinja_env=each.get_template_env(),
                seen_oids=set(),
            )
            for name, value in before.items():
                assert (each.task_id, name, getattr(each, name)) == (each.task_id, name, value)
                arrived |= {name} if value == text else set()
        assert arrived >= names

    check()
