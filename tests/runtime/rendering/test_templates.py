# SPDX-License-Identifier: Apache-2.0
"""The result of a template: text for text arguments, otherwise the value of the expression in a native DAG."""

from __future__ import annotations

import json
from collections import namedtuple
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import StrictUndefined, UndefinedError
from jinja2.exceptions import SecurityError

from airflow_provider_polaris.operators.polaris import (
    PolarisDropTableOperator,
    PolarisJobOperator,
    PolarisTableToTableOperator,
)
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.sensors.polaris import PolarisDataSensor, PolarisJobSensor
from airflow_provider_polaris.task_groups.backfill import BackfillPlanOperator
from tests.runtime.rendering.public import make, render

both = pytest.mark.parametrize("native", [True, False], ids=["native", "ordinary"])
MACRO = "{% macro name(text) %}{{ text }}{% endmacro %}{{ name(params.p) }}"
BLOCK = "{% set name %}{{ params.p }}{% endset %}{{ name }}"
KEPT = ["2024_06", "'city'", '"session length"', "1", "True", "None", "[1]", "{'a': 1}", "x\n", " x"]


def rendered(cls: type, name: str, value: Any, native: bool, **params: Any) -> Any:
    """Return one argument after rendering."""
    return getattr(render(cls, {"params": params}, native=native, **{name: value}), name)


@both
@pytest.mark.parametrize("text", KEPT)
@pytest.mark.parametrize("template", ["{{ params.p }}", MACRO, BLOCK])
def test_template_of_text_is_that_text(native: bool, text: str, template: str) -> None:
    """A name, an expression, an element of a list, a field of a spec: equal to the param, on any path through Jinja."""
    for cls, name in ((PolarisDropTableOperator, "table_name"), (PolarisDataSensor, "filter_expression")):
        assert rendered(cls, name, template, native, p=text) == text
    nested = {
        "dimensions": {"level": template},
        "clustering_columns": [template],
        "mappings": [{"columnName": template, "expression": template}],
        "context": {"comment": template, "deep": [{"er": template}]},
        "target_intervals": [template],
    }
    operator = render(PolarisTableToTableOperator, {"params": {"p": text}}, native=native, **nested)
    assert {name: getattr(operator, name) for name in nested} == json.loads(
        json.dumps(nested).replace(json.dumps(template), json.dumps(text))
    )
    spec = {"type": "batch", "target": {"tableName": template, "new": template}, "filterExpression": template}
    assert rendered(PolarisJobOperator, "spec", spec, native, p=text) == {
        "type": "batch",
        "target": {"tableName": text, "new": text},
        "filterExpression": text,
    }
    arguments = {"filter_expression": template, "measures": {"n": template}}
    assert rendered(BackfillPlanOperator, "job_arguments", arguments, native, p=text) == {
        "filter_expression": text,
        "measures": {"n": text},
    }


@both
def test_template_of_a_number_is_text_where_text_is_meant(native: bool) -> None:
    """As in any text, the number is formatted. Other arguments are not formatted in a native DAG."""
    assert rendered(PolarisDropTableOperator, "table_name", "{{ params.n }}", native, n=202406) == "202406"
    assert rendered(PolarisDropTableOperator, "table_name", "{{ params.a }}_{{ params.b }}", native, a=2024, b=6) == (
        "2024_6"
    )
    spec = {"target": {"tableName": "{{ params.n }}"}, "mappings": [{"expression": "{{ params.n }}"}]}
    assert rendered(PolarisJobOperator, "spec", spec, native, n=1) == {
        "target": {"tableName": "1"},
        "mappings": [{"expression": "1"}],
    }
    arguments = {"filter_expression": "{{ params.n }}", "dimensions": {"a": "{{ params.n }}"}}
    assert rendered(BackfillPlanOperator, "job_arguments", arguments, native, n=1) == {
        "filter_expression": "1",
        "dimensions": {"a": "1"},
    }


@both
def test_macros_of_the_dag_are_there_and_the_context_wins(native: bool) -> None:
    """As in Airflow."""
    operator = render(
        PolarisDropTableOperator,
        {"run": "context"},
        native=native,
        dag_arguments={"user_defined_macros": {"month": lambda: "2024_06", "run": "macro"}},
        table_name="{{ month() }}",
        confirm_table_name="{{ run }}",
        timeout="{{ month() }}",
    )
    assert (operator.table_name, operator.confirm_table_name, operator.timeout) == ("2024_06", "context", "2024_06")


@both
def test_final_newline_of_a_template_stays(native: bool) -> None:
    """Jinja would remove one; a text keeps exactly the newlines with which it was written."""
    for newlines in ("", "\n", "\n\n"):
        found = rendered(PolarisDataSensor, "filter_expression", "\"x\" = '{{ params.p }}'" + newlines, native, p="a")
        assert found == "\"x\" = 'a'" + newlines
    context = {"comment": "{{ params.p }}, no more\n"}
    assert rendered(PolarisTableToTableOperator, "context", context, native, p="a") == {"comment": "a, no more\n"}


@both
def test_none_and_instants_in_the_place_of_text_are_text(native: bool) -> None:
    """As in an ordinary DAG; optional arguments parse the text None."""
    assert rendered(PolarisTableToTableOperator, "interval", "{{ params.i }}", native, i=None) == "None"
    assert rendered(PolarisDataSensor, "up_to", "{{ params.i }}", native, i=timedelta(hours=1)) == "1:00:00"


@both
def test_keys_are_left_alone(native: bool) -> None:
    """As Airflow leaves them, with template marks and without."""
    for name in ("dimensions", "context"):
        value = {"'city'": "x", "{{ params.p }}": "y", 2024: "z"}
        assert rendered(PolarisTableToTableOperator, name, value, native, p="a") == value


@both
def test_other_marks_of_a_dag_count(native: bool) -> None:
    """Text without marks of the DAG's Jinja stays text, and its marks are rendered."""
    marks = {"variable_start_string": "[[", "variable_end_string": "]]", "line_statement_prefix": "%%"}
    operator = render(
        PolarisDropTableOperator,
        {"params": {"p": "2024_06"}},
        native=native,
        dag_arguments={"jinja_environment_kwargs": marks},
        table_name="{{ params.p }}",
        confirm_table_name="[[ params.p ]]",
        polaris_conn_id="%% if params.p\nyes\n%% endif\n",
    )
    assert (operator.table_name, operator.confirm_table_name, operator.polaris_conn_id) == (
        "{{ params.p }}",
        "2024_06",
        "yes\n",
    )


VALUES = [
    ("dimensions", ["city", "'x'"]),
    ("dimensions", {"level": "'city'"}),
    ("measures", {"n": "COUNT(*)"}),
    ("mappings", [{"columnName": "a", "expression": "1", "isAggregation": False}]),
    ("clustering_columns", ["2024"]),
    ("target_intervals", ["2024-06-01/P1D"]),
    ("target_intervals", None),
    ("context", {"maxNumTasks": 3}),
    ("cancel_on_kill", False),
    ("source_is_rollup", None),
    ("max_parse_exceptions", 5),
    ("poll_interval", timedelta(seconds=5)),
    ("timeout", None),
]


@pytest.mark.parametrize("template", ["{{ params.v }}", "{{ params.v }}\n", "{% if true %}{{ params.v }}{% endif %}"])
@pytest.mark.parametrize("name, value", VALUES)
def test_native_template_of_a_value_is_that_value(name: str, value: Any, template: str) -> None:
    """Lists, objects, booleans, numbers, timedeltas and None, if the argument allows them."""
    assert rendered(PolarisTableToTableOperator, name, template, True, v=value) == value
    if name not in ("cancel_on_kill", "poll_interval", "timeout"):
        arguments = {name: template}
        assert rendered(BackfillPlanOperator, "job_arguments", arguments, True, v=value) == {name: value}


@pytest.mark.parametrize("name, value", VALUES)
def test_ordinary_template_of_a_value_is_text(name: str, value: Any) -> None:
    """As before; the operators parse what can be parsed."""
    assert rendered(PolarisTableToTableOperator, name, "{{ params.v }}", False, v=value) == str(value)


def test_native_template_of_a_value_in_a_spec_is_that_value() -> None:
    """All of it, a part of it, and fields that this package doesn't define."""
    spec = {
        "type": "batch",
        "source": "{{ params.source }}",
        "replaceAll": "{{ params.yes }}",
        "maxParseExceptions": "{{ params.text }}",
        "mappings": ["{{ params.mapping }}"],
        "versions": "{{ params.list }}",
        "new": {"number": "{{ params.n }}", "text": "{{ params.text }}"},
        "parameters": [
            {"type": "INT", "value": "{{ params.n }}"},
            {"type": "VARCHAR", "value": "{{ params.text }}"},
        ],
    }
    params = {"source": {"tableName": "2024_06"}, "yes": True, "mapping": {"expression": "'x'"}, "list": ["1"], "n": 5}
    expected = {
        "type": "batch",
        "source": {"tableName": "2024_06"},
        "replaceAll": True,
        "maxParseExceptions": 7,
        "mappings": [{"expression": "'x'"}],
        "versions": ["1"],
        "new": {"number": 5, "text": "7"},
        "parameters": [{"type": "INT", "value": 5}, {"type": "VARCHAR", "value": "7"}],
    }
    assert rendered(PolarisJobOperator, "spec", spec, True, **params, text="7") == expected
    assert rendered(PolarisJobOperator, "spec", "{{ params.all }}", True, all=spec) == spec


@pytest.mark.parametrize(
    "name, template, value",
    [
        ("dimensions", "{{ params.v | tojson }}", {"k": "\N{KOALA} 'x' é", "n": None, "t": True}),
        ("dimensions", "['{{ params.p }}', 'b']", ["2024_06", "b"]),
        ("dimensions", "{'level': \"{{ params.q }}\"}", {"level": "'city'"}),
        ("clustering_columns", "{{ params.p }}", "2024_06"),
        ("versions", "{{ params.p }}", "2024_06"),
        ("intervals", "{{ params.year }}", "2024"),
        ("intervals", "[{{ params.p }}", "[2024_06"),
    ],
)
def test_native_text_of_a_list_or_an_object_is_read_and_no_other(name: str, template: str, value: Any) -> None:
    """JSON, and Python as Airflow parses it; a single name stays a name."""
    from airflow_provider_polaris.operators.polaris import PolarisDeleteDataOperator

    cls = PolarisTableToTableOperator if name in PolarisTableToTableOperator.template_fields else None
    params = {"v": value, "p": "2024_06", "q": "'city'", "year": "2024"}
    assert rendered(cls or PolarisDeleteDataOperator, name, template, True, **params) == value


def test_native_template_without_output_is_none() -> None:
    """As in Airflow: timeout="{% if … %}…{% endif %}" sets none."""
    assert rendered(PolarisTableToTableOperator, "timeout", "{% if false %}5{% endif %}", True) is None


@both
def test_undefined_fails_and_names_what_is_missing(native: bool) -> None:
    """In any argument of any kind."""
    for name in ("source_table", "dimensions", "cancel_on_kill"):
        with pytest.raises(UndefinedError, match="'nope' is undefined"):
            rendered(
                PolarisTableToTableOperator,
                name,
                "{{ nope }}",
                native,
                dag_arguments={"template_undefined": StrictUndefined},
            )


def _result(value: Any) -> Any:
    """Return what this Airflow treats as a reference to resolve."""
    if AIRFLOW_VERSION < (3, 0):
        from airflow.template.templater import LiteralValue
    else:
        from airflow.sdk.definitions._internal.templater import LiteralValue
    return LiteralValue(value)


@both
@pytest.mark.parametrize("value", [202406, ["a"], "{{ params.p }}", {"a": "'b'"}])
def test_results_of_other_tasks_are_not_rendered(native: bool, value: Any) -> None:
    """They are data: template marks in them stay text, and text arguments refuse a number."""
    for name in ("source_table", "dimensions", "context"):
        assert rendered(PolarisTableToTableOperator, name, _result(value), native, p="x") == value
    assert rendered(PolarisTableToTableOperator, "dimensions", {"a": _result(value)}, native, p="x") == {"a": value}


@both
def test_values_that_a_mapped_task_resolved_are_not_rendered(native: bool) -> None:
    """Airflow passes their ids; a file of that name isn't read either."""
    operator = make(PolarisJobOperator, native=native)
    for name, value in (("polaris_conn_id", "{{ params.p }}"), ("spec", "{{ x }}.json"), ("spec", ["{{ params.p }}"])):
        setattr(operator, name, value)
        operator._do_render_template_fields(
            parent=operator,
            template_fields=(name,),
            context={},
            jinja_env=operator.get_template_env(),
            seen_oids={id(value)},
        )
        assert getattr(operator, name) == value


@both
def test_other_containers_and_objects_with_fields_are_rendered(native: bool) -> None:
    """As Airflow renders them; in an object of the user's own, texts stay texts, too."""
    pair = namedtuple("pair", "a b")  # a plain one, as Airflow knows them
    inner = SimpleNamespace(template_fields=("interval", "n"), interval="{{ params.v }}", n="2024_06")
    context = {"pair": pair("{{ params.p }}", "1"), "tuple": ("{{ params.p }}",), "set": {"{{ params.p }}"}, "x": inner}
    found = rendered(PolarisTableToTableOperator, "context", context, native, p="2024_06", v=[1])
    assert found == {"pair": pair("2024_06", "1"), "tuple": ("2024_06",), "set": {"2024_06"}, "x": inner}
    assert type(found["pair"]) is pair
    assert (inner.interval, inner.n) == ([1] if native else "[1]", "2024_06")


@both
def test_fields_of_a_subclass_keep_native_values(native: bool) -> None:
    """Their kind is unknown: lists stay lists, and texts stay texts."""

    class Own(PolarisJobSensor):
        template_fields = (*PolarisJobSensor.template_fields, "tags")
        tags: Any = None

    sensor = make(Own, native=native)
    for value, expected in ((["a", 1], ["a", 1] if native else "['a', 1]"), ("1", "1")):
        sensor.tags = "{{ params.v }}"
        sensor.render_template_fields({"params": {"v": value}})
        assert sensor.tags == expected


@both
def test_template_files_are_read_for_specs_only(native: bool, tmp_path: Any) -> None:
    """A mapped task parses them while it renders; their texts are kept, and a text inside a spec names no file."""
    (tmp_path / "job.json").write_text(
        '{"target": {"tableName": "{{ params.p }}"}, "replaceAll": {{ params.b | tojson }}}\n'
    )
    (tmp_path / "plain.json").write_text('{"target": {"tableName": "2024_06"}, "query": "\\ud83d\\udc28"}\n')
    (tmp_path / "all.json").write_text("{{ params.all | tojson }}\n")
    where = {"dag_arguments": {"template_searchpath": str(tmp_path)}, "native": native}
    params = {"p": "'city'", "b": True, "all": {"target": {"tableName": "2024_06"}}}
    for file, expected in (
        ("job.json", {"target": {"tableName": "'city'"}, "replaceAll": True}),
        ("plain.json", {"target": {"tableName": "2024_06"}, "query": "\N{KOALA}"}),
        ("all.json", {"target": {"tableName": "2024_06"}}),
    ):
        for resolves_before in (True, False):
            operator = make(PolarisJobOperator, spec=file, **where)
            if resolves_before:
                operator.resolve_template_files()
            operator.render_template_fields({"params": params})
            found = operator.spec
            assert (json.loads(found) if isinstance(found, str) else found) == expected
    found = render(PolarisJobOperator, native=native, spec={"fileList": ["job.json"]}, durable="job.json")
    assert (found.spec, found.durable) == ({"fileList": ["job.json"]}, "job.json")
    with pytest.raises(TypeError, match=r"^'job\.json' can't be read: only a task of a DAG has template files\.$"):
        PolarisJobOperator(task_id="task", spec="job.json").render_template_fields({})


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 2), reason="since Airflow 3.2 a task can say how it is rendered")
@both
def test_what_a_task_says_of_its_rendering_wins(native: bool) -> None:
    """It overrides the DAG's setting."""
    arguments = {"table_name": "{{ params.p }}", "timeout": "{{ params.n }}"}
    operator = render(
        PolarisDropTableOperator,
        {"params": {"p": "2024_06", "n": 5}},
        native=not native,
        render_template_as_native_obj=native,
        **arguments,
    )
    assert (operator.table_name, operator.timeout) == ("2024_06", 5 if native else "5")


@both
def test_text_is_rendered_in_the_sandbox(native: bool) -> None:
    """By the environment that isn't native, whatever the DAG sets."""
    with pytest.raises(SecurityError, match="access to attribute '__class__' of 'str' object is unsafe"):
        rendered(PolarisDropTableOperator, "table_name", "{{ params.p.__class__ }}", native, p="x")


@both
def test_task_without_a_dag_is_rendered_the_same_way(native: bool) -> None:
    """With the given environment."""
    from jinja2.nativetypes import NativeEnvironment
    from jinja2.sandbox import SandboxedEnvironment

    operator = PolarisDropTableOperator(
        task_id="drop", table_name=MACRO, confirm_table_name="{{ params.n }}", timeout="{{ params.n }}"
    )
    environment = NativeEnvironment() if native else SandboxedEnvironment()
    operator.render_template_fields({"params": {"p": "2024_06", "n": 5}}, environment)
    assert (operator.table_name, operator.confirm_table_name) == ("2024_06", "5")
    assert operator.timeout == (5 if native else "5")


def test_rendering_outside_of_the_fields_keeps_texts() -> None:
    """A subclass may call it itself."""
    operator = make(PolarisDropTableOperator, native=True)
    context = {"params": {"p": "2024_06", "v": [1]}}
    operator._do_render_template_fields(operator, ("table_name",), context, operator.get_template_env(), set())
    assert operator.render_template(["{{ params.p }}", "1", "{{ params.v }}"], context) == ["2024_06", "1", [1]]
