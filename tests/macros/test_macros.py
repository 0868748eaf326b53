# SPDX-License-Identifier: Apache-2.0
"""What ``macros.polaris`` renders in a task's templates."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from importlib.metadata import entry_points
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG
from jinja2 import UndefinedError

from airflow_provider_polaris import macros
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.macros.plugin import PolarisPlugin
from airflow_provider_polaris.operators.polaris import PolarisJobOperator
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION

# What a scheduled run of 2 June 2024 and a partitioned run have in their contexts.
RUN = {
    "data_interval_start": pendulum.datetime(2024, 6, 1),
    "data_interval_end": pendulum.datetime(2024, 6, 2),
    "ds": "2024-06-01",
    "partition_date": pendulum.datetime(2024, 6, 1, 7, tz="UTC"),
    "empty": None,
}
DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"


def airflows_macros() -> Any:
    """Return ``macros`` as the worker puts it into the context, with plugins from their entry points."""
    if AIRFLOW_VERSION < (3, 0):
        from airflow import macros as found
        from airflow.plugins_manager import integrate_macros_plugins

        integrate_macros_plugins()
        return found
    from airflow.sdk.execution_time.context import MacrosAccessor

    if AIRFLOW_VERSION < (3, 2):
        from airflow.plugins_manager import integrate_macros_plugins
    else:
        from airflow.sdk.plugins_manager import integrate_macros_plugins
    integrate_macros_plugins()
    return MacrosAccessor()


def render(template: str) -> Any:
    """Render a job spec as Airflow does and return its one value."""
    with DAG("macros", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=timezone.utc)):
        operator = PolarisJobOperator(task_id="job", spec={"interval": template})
    operator.render_template_fields({**RUN, "macros": airflows_macros()})
    return operator.spec["interval"]


def test_entry_point_of_the_plugin_loads_the_class_that_holds_the_six_macros():
    """By default, Airflow doesn't load the plugins of a provider's info, so the entry point must exist."""
    (entry,) = entry_points(group="airflow.plugins", module="airflow_provider_polaris.macros.plugin")

    assert entry.load() is PolarisPlugin
    assert PolarisPlugin.name == "polaris"
    assert {macro.__name__: macro for macro in PolarisPlugin.macros} == {
        "interval": macros.interval,
        "floor": macros.floor,
        "shift": macros.shift,
        "aged_window": macros.aged_window,
        "within": macros.within,
        "split": macros.split,
    }


@pytest.mark.parametrize(
    "template, rendered",
    [
        ("{{ macros.polaris.interval(data_interval_start, data_interval_end) }}", DAY),
        ("{{ macros.polaris.interval(ds, 'P1D') }}", DAY),
        ("{{ macros.polaris.interval('P1D', data_interval_end) }}", DAY),
        (
            "{{ macros.polaris.interval(partition_date, 'PT1H') }}",
            "2024-06-01T07:00:00.000Z/2024-06-01T08:00:00.000Z",
        ),
        (
            "{{ macros.polaris.within(ds, 'P1D', 's.__time') }}",
            "s.__time >= TIMESTAMP '2024-06-01 00:00:00' AND s.__time < TIMESTAMP '2024-06-02 00:00:00'",
        ),
        ("{{ macros.polaris.floor(partition_date, 'day') }}", "2024-06-01T00:00:00.000Z"),
        ("{{ macros.polaris.floor(partition_date, 'PT6H') }}", "2024-06-01T06:00:00.000Z"),
        (
            "{{ macros.polaris.shift(macros.polaris.interval(ds, 'P1D'), '-P1M') }}",
            "2024-05-01T00:00:00.000Z/2024-05-02T00:00:00.000Z",
        ),
        (
            "{{ macros.polaris.aged_window(macros.polaris.interval(ds, 'P1D'), 'P31D', 'day') }}",
            "2024-05-01T00:00:00.000Z/2024-05-02T00:00:00.000Z",
        ),
        ("{{ macros.polaris.aged_window(macros.polaris.interval(ds, 'P1D'), 'P3D', 'month') }}", ""),
        (
            "{{ macros.polaris.split(macros.polaris.interval(ds, 'P1D'), 'eight_hour') | tojson }}",
            (
                '["2024-06-01T00:00:00.000Z/2024-06-01T08:00:00.000Z", '
                '"2024-06-01T08:00:00.000Z/2024-06-01T16:00:00.000Z", '
                '"2024-06-01T16:00:00.000Z/2024-06-02T00:00:00.000Z"]'
            ),
        ),
    ],
)
def test_macros_in_a_tasks_template_render_what_polaris_reads(template: str, rendered: str):
    """Each macro is available as macros.polaris and accepts values of a run's context and results of the others."""
    assert render(template) == rendered


def test_undefined_variable_of_a_partitioned_run_is_named_by_the_error():
    """A partitioned run has no data interval: Jinja's own error names the missing variable."""
    with pytest.raises(UndefinedError) as caught:
        render("{{ macros.polaris.interval(data_interval_begin, 'P1D') }}")

    assert str(caught.value) == "'data_interval_begin' is undefined"


@pytest.mark.parametrize(
    "template, message",
    [
        (
            "{{ macros.polaris.interval(empty, empty) }}",
            (
                "interval 'None/None' has no value where an instant belongs: this run has no data interval. Set the "
                "interval yourself, for example from params, or give the DAG a timetable with data intervals."
            ),
        ),
        (
            "{{ macros.polaris.floor('yesterday', 'day') }}",
            (
                "instant 'yesterday' is not an ISO 8601 instant such as '2024-06-01' or '2024-06-01T00:00:00Z'. Pass "
                "data_interval_start or partition_date, for example; a run with neither needs a param."
            ),
        ),
        (
            "{{ macros.polaris.shift('2024-06/P1M', 'month') }}",
            "period 'month' is not an ISO 8601 period. Write one such as 'PT1H', 'P1D', 'P1W', 'P1M' or 'P1Y'.",
        ),
        (
            "{{ macros.polaris.aged_window('2024-06/P1M', '-P1D', 'day') }}",
            "older_than '-P1D' is not a positive period. Write the minimum age of the data, such as 'P30D'.",
        ),
        (
            "{{ macros.polaris.split('2024-06/P1M', 'P3D') }}",
            (
                "step 'P3D' is not a granularity of Polaris. Use one of millisecond, second, minute, five_minute, "
                "ten_minute, fifteen_minute, thirty_minute, hour, six_hour, eight_hour, day, week, month, quarter, "
                "year, all, or the ISO 8601 period of one, such as 'PT1H'."
            ),
        ),
    ],
)
def test_macros_of_bad_arguments_fail_the_template_with_one_sentence(template: str, message: str):
    """An invalid value is refused when it is rendered, not by Polaris."""
    with pytest.raises(PolarisSpecError) as caught:
        render(template)

    assert str(caught.value) == message


def test_macros_take_python_values_in_any_zone():
    """In Python they accept datetimes, intervals and timedeltas, and still return text in UTC."""
    berlin = timezone(timedelta(hours=2))
    day = Interval.parse(DAY)

    assert macros.interval(datetime(2024, 6, 1, 2, tzinfo=berlin), datetime(2024, 6, 2, 2, tzinfo=berlin)) == DAY
    assert macros.floor(datetime(2024, 6, 1, 1, 30, tzinfo=berlin), "hour") == "2024-05-31T23:00:00.000Z"
    assert macros.shift(day, timedelta(hours=-1)) == "2024-05-31T23:00:00.000Z/2024-06-01T23:00:00.000Z"
    assert macros.aged_window(day, "P1D", "day") == "2024-05-31T00:00:00.000Z/2024-06-01T00:00:00.000Z"
    assert macros.split(day, timedelta(hours=18)) == [
        "2024-06-01T00:00:00.000Z/2024-06-01T18:00:00.000Z",
        "2024-06-01T18:00:00.000Z/2024-06-02T00:00:00.000Z",
    ]


def test_aged_windows_of_a_years_days_touch_and_cover_each_month_once():
    """An age in months over days that end in different months neither repeats nor skips a partition."""
    days = macros.split("2024/P1Y", "day")
    windows = [window for day in days if (window := macros.aged_window(day, "P1M", "month"))]

    assert windows == macros.split("2023-12/2024-12", "month")


def test_examples_in_the_docstrings_hold():
    """The documentation of the macros is run."""
    assert doctest.testmod(macros) == doctest.TestResults(failed=0, attempted=7)


def test_plugin_import_loads_nothing_of_the_package_but_the_macros():
    """Airflow imports the plugin in each of its processes, the API server included."""
    code = (
        "import json, sys, airflow.plugins_manager; before = set(sys.modules); import "
        "airflow_provider_polaris.macros.plugin;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])

    assert [name for name in loaded if name.startswith("airflow_provider_polaris.")] == [
        "airflow_provider_polaris.macros",
        "airflow_provider_polaris.macros.plugin",
    ]
    assert {"airflow.models", "requests", "pydantic", "sqlglot"} & set(loaded) == set()
