# SPDX-License-Identifier: Apache-2.0
"""PolarisTableToTableOperator: from arguments to exactly one job spec, or to one error."""

from __future__ import annotations

import inspect
import json
from datetime import datetime, timezone
from types import SimpleNamespace
from urllib.parse import quote

import pendulum
import pytest

from airflow_provider_polaris.client.http.retry import RetryPolicy
from airflow_provider_polaris.jobs.errors import PolarisAuthError, PolarisForeignAnswerError
from airflow_provider_polaris.jobs.spec.job_spec import ColumnMapping
from airflow_provider_polaris.jobs.status.retryability import Retryability, retryability_of
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.operators.base import PolarisBaseOperator
from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from tests.operators import table_to_table
from tests.operators.table_to_table import refusal

pytestmark = pytest.mark.usefixtures("unguarded")

DAY = "2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z"
TARGET = "GET tables/Koalas%20Rollup"
SOURCE = "GET tables/Koalas%20Source"


def jobs_of(table):
    """The request for the active jobs that change a table."""
    types = "&".join(f"type={name}" for name in ("batch", "sql", "delete_data", "restore_data", "drop_table"))
    statuses = "&".join(f"executionStatus={name}" for name in ("idle", "pending", "running", "suspended", "unknown"))
    order = "sortColumn=created_date_time&sortOrder=DESC&paginationLimit=1000&paginationOffset=0"
    return f"GET jobs?{types}&{statuses}&targetTableName={table.replace(' ', '+')}&{order}"


JOBS = jobs_of("Koalas Rollup")


def operator(**arguments):
    measures = {"max_session_length": 'MAX("session_length")'}
    return table_to_table.operator(**{"measures": measures, "rollup_granularity": "hour", **arguments})


def test_execute_with_the_shorthand_replaces_the_runs_interval(tables, clock, context, task_log):
    """The usual case: short form, replace mode, the run's data interval; one read of each table, one POST."""
    operator(partitioned_by="P1D", create_table_if_not_exists="True").execute(context)
    assert tables.asked == [SOURCE, TARGET, JOBS, "POST jobs"]
    assert tables.submitted == [
        {
            "type": "batch",
            "source": {"type": "table", "tableName": "Koalas Source", "interval": DAY},
            "target": {"type": "table", "tableName": "Koalas Rollup", "intervals": [DAY]},
            "ingestionMode": "replace",
            "replaceAll": False,
            "createTableIfNotExists": True,
            "mappings": [
                {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"},
                {"columnName": "city", "expression": '"city"'},
                {
                    "columnName": "max_session_length",
                    "expression": 'MAX("session_length")',
                    "isAggregation": True,
                },
            ],
            "maxParseExceptions": 2147483647,
            "partitionedBy": "day",
            "context": {"failOnEmptyInsert": True},
        }
    ]
    assert task_log()[0] == f"INFO Interval {DAY}, from the run's data interval."


def test_execute_with_every_argument_puts_each_into_the_spec(tables, clock, context):
    """Mappings in the API's form, and all settings, are sent unchanged."""
    operator(
        dimensions=None,
        measures=None,
        rollup_granularity=None,
        mappings=[
            {"columnName": "city", "expression": 'UPPER("city")'},
            ColumnMapping(column_name="n", expression='SUM("x")', is_aggregation=True),
        ],
        source_is_rollup="false",
        interval="2026-11-18/P1D",
        filter_expression="\"city\" <> 'Bern'",
        clustering_columns=["city"],
        max_parse_exceptions="3",
        context={"maxNumTasks": 4},
    ).execute(context)
    assert tables.asked == [SOURCE, TARGET, JOBS, "POST jobs"]
    (spec,) = tables.submitted
    span = "2026-11-18T00:00:00.000Z/2026-11-19T00:00:00.000Z"
    assert spec["source"]["interval"] == span
    assert spec["target"]["intervals"] == [span]
    assert spec["mappings"] == [
        {"columnName": "city", "expression": 'UPPER("city")'},
        {"columnName": "n", "expression": 'SUM("x")', "isAggregation": True},
    ]
    assert spec["filterExpression"] == "\"city\" <> 'Bern'"
    assert spec["clusteringColumns"] == ["city"]
    assert spec["maxParseExceptions"] == 3
    assert spec["context"] == {"failOnEmptyInsert": True, "maxNumTasks": 4}


def test_execute_in_append_mode_reads_the_runs_interval(tables, clock, context):
    """An append is limited to the run's interval, too; otherwise each run would append the whole source."""
    operator(ingestion_mode="append").execute(context)
    (spec,) = tables.submitted
    assert spec["source"]["interval"] == DAY
    assert "intervals" not in spec["target"]


def test_execute_in_append_mode_with_an_interval_reads_each_table_once(tables, clock, context):
    """The plan needs no table, but the guards do; they share the reads."""
    operator(ingestion_mode="append", interval=Interval.ETERNITY, source_is_rollup=False).execute(context)
    assert tables.asked == [SOURCE, TARGET, JOBS, "POST jobs"]


def test_execute_with_replace_all_needs_no_interval(tables, clock, context):
    """replace_all reads the whole source, whatever the run."""
    operator(replace_all="true").execute({"ti": context["ti"]})
    (spec,) = tables.submitted
    assert spec["replaceAll"] is True
    assert "intervals" not in spec["target"]
    assert spec["source"]["interval"] == "-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z"


def test_execute_with_intervals_set_apart_uses_each(tables, clock, context):
    """The intervals that are read and replaced may differ; then neither is the run's."""
    operator(source_interval="2026-11-17/2026-11-20", target_intervals="2026-11-18/P1D").execute({"ti": context["ti"]})
    (spec,) = tables.submitted
    assert spec["source"]["interval"] == "2026-11-17T00:00:00.000Z/2026-11-20T00:00:00.000Z"
    assert spec["target"]["intervals"] == ["2026-11-18T00:00:00.000Z/2026-11-19T00:00:00.000Z"]


def test_execute_with_target_intervals_alone_reads_all_of_the_source(tables, clock, context):
    """Polaris reads no row outside the target intervals anyway."""
    operator(target_intervals=["2026-11-01/P1D", "2026-11-03/P1D"]).execute({"ti": context["ti"]})
    (spec,) = tables.submitted
    assert spec["source"]["interval"] == "-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z"
    assert len(spec["target"]["intervals"]) == 2


def test_execute_with_source_interval_alone_replaces_the_runs_interval(tables, clock, context):
    """A wider source leaves the target at the run's interval."""
    operator(source_interval="2026-11-18/2026-11-21").execute(context)
    (spec,) = tables.submitted
    assert spec["target"]["intervals"] == [DAY]


def test_execute_of_a_partitioned_run_takes_the_partition(tables, clock, context):
    """A run without data interval uses its partition, with the user's grain."""
    run = {
        "ti": context["ti"],
        "partition_key": "2026-11-19T07:00:00",
        "partition_date": datetime(2026, 11, 19, 7, tzinfo=timezone.utc),
    }
    operator(partition_grain="day").execute(run)
    assert tables.submitted[0]["target"]["intervals"] == [DAY]


def test_execute_into_an_aggregate_source_sums_the_count(tables, clock, context):
    """Rolling up a rollup counts events, not rows: read from Polaris, or set by the user."""
    tables.table("Koalas Source", type="aggregate")
    operator().execute(context)
    tables.table("Koalas Source", type="detail")
    operator(source_is_rollup=True).execute(context)
    count = {"columnName": "__count", "expression": 'SUM("__count")', "isAggregation": True}
    assert [spec["mappings"][-1] for spec in tables.submitted] == [count, count]


def test_execute_without_measures_reads_each_table_once(tables, clock, context):
    """A copy merges no rows, so the plan doesn't need the source, but the guards do."""
    operator(measures=None, rollup_granularity=None).execute(context)
    assert tables.asked == [SOURCE, TARGET, JOBS, "POST jobs"]


def test_execute_into_itself_reads_the_table_once(tables, clock, context):
    """If source and target are one table, one read is sufficient."""
    tables.table("Koalas Source", type="aggregate")
    operator(target_table="Koalas Source").execute(context)
    assert tables.asked == [SOURCE, jobs_of("Koalas Source"), "POST jobs"]


def test_execute_with_json_text_reads_it(tables, clock, context):
    """A value that a template with tojson renders is parsed to its type."""
    operator(
        dimensions=json.dumps({"town": '"city"'}), measures=json.dumps({"n": "COUNT(*)"}), source_is_rollup="False"
    ).execute(context)
    assert [mapping["columnName"] for mapping in tables.submitted[0]["mappings"]] == ["__time", "town", "n"]


def test_execute_with_a_missing_source_names_it(jobs, clock, context):
    """A missing source is found before the job."""
    jobs.table("Koalas Rollup", type="aggregate")
    assert refusal(operator(), context) == (
        "source_table 'Koalas Source' does not exist in project '00000000-0000-4000-8000-000000000001'. Check its name "
        "and connection 'polaris_default'."
    )
    assert jobs.submitted == []


def test_execute_with_a_missing_target_says_how_to_create_it(jobs, clock, context):
    """A missing target must be requested."""
    jobs.table("Koalas Source")
    assert refusal(operator(), context).startswith(
        "target.tableName 'Koalas Rollup' does not exist and createTableIfNotExists is false."
    )
    assert jobs.submitted == []


def test_execute_with_a_missing_target_counts_as_partitioned_by_day(jobs, clock, context):
    """A new table has day partitions, unless the job sets others."""
    jobs.table("Koalas Source")
    jobs.accept()
    half_day = {"interval": "2026-11-19T00:00Z/PT12H", "create_table_if_not_exists": True}
    assert "does not fall on 'day' boundaries (the default of a new table)" in refusal(operator(**half_day), context)
    operator(**half_day, partitioned_by="hour").execute(context)
    assert len(jobs.submitted) == 1


def test_execute_with_an_interval_off_the_tables_partitions_is_refused(tables, clock, context):
    """Replacing a day of a table with month segments would erase the month."""
    tables.table("Koalas Rollup", type="aggregate", partitioningGranularity="month")
    assert "does not fall on 'month' boundaries (the partitioning of table 'Koalas Rollup')" in refusal(
        operator(), context
    )
    assert "does not fall on 'month' boundaries" in refusal(operator(partitioned_by="day"), context)
    operator(partitioned_by="day", allow_finer_partitions="True").execute(context)
    assert len(tables.submitted) == 1


def test_execute_with_a_local_day_names_the_time_zone(tables, clock, context):
    """A day of the timetable's zone is no UTC day, and the error states it, also in append mode."""
    berlin = SimpleNamespace(
        timetable=SimpleNamespace(expression="0 0 * * *", timezone=pendulum.timezone("Europe/Berlin"))
    )
    run = {
        **context,
        "dag": berlin,
        "data_interval_start": datetime(2026, 11, 18, 23, tzinfo=timezone.utc),
        "data_interval_end": datetime(2026, 11, 19, 23, tzinfo=timezone.utc),
    }
    assert "'Europe/Berlin'" in refusal(operator(), run)
    assert "'Europe/Berlin'" in refusal(operator(ingestion_mode="append"), run)
    assert tables.submitted == []


def test_execute_with_an_append_into_itself_has_to_be_asked_for(tables, clock, context):
    """Doubling a table is possible, but not by mistake."""
    same = {"target_table": "Koalas Source", "ingestion_mode": "append"}
    assert "allow_self_append=True" in refusal(operator(**same), context)
    operator(**same, allow_self_append="True").execute(context)
    assert len(tables.submitted) == 1


def test_execute_without_permission_to_see_tables_raises_it_typed(jobs, clock, context):
    """403 is left to retries and retry policies."""
    jobs.server.answer("GET", "/tables/Koalas%20Rollup", 403, {"message": "no"})
    with pytest.raises(PolarisAuthError):
        operator().execute(context)


@pytest.mark.parametrize("table", ["Koalas Source", "Koalas Rollup"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_execute_behind_a_proxy_that_answers_by_itself_is_left_to_retries(
    status, table, tables, clock, context, monkeypatch
):
    """A page in place of Polaris proves neither a missing table nor a missing permission."""
    monkeypatch.setattr(RetryPolicy, "delay", lambda self, outcome, **known: None)
    tables.server.answer("GET", f"/tables/{quote(table)}", status, b"<html><h1>Under maintenance</h1></html>")
    with pytest.raises(PolarisForeignAnswerError, match="and the text begins 'Under maintenance'") as caught:
        operator().execute(context)
    assert retryability_of(caught.value) is Retryability.TRANSIENT
    assert tables.submitted == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"source_table": "None"}, "source_table is 'None': it needs a value. Check the template that renders it."),
        ({"target_table": " "}, "target_table is ' ': it needs a value. Check the template that renders it."),
        ({"ingestion_mode": "upsert"}, "ingestion_mode 'upsert' is neither 'replace' nor 'append'."),
        (
            {"replace_all": "yes"},
            "replace_all 'yes' is neither true nor false. Pass True or False, or a template of one.",
        ),
        (
            {"create_table_if_not_exists": 1},
            "create_table_if_not_exists 1 is neither true nor false. Pass True or False, or a template of one.",
        ),
        ({"max_parse_exceptions": "many"}, "max_parse_exceptions 'many' is not a whole number of at least 0."),
        ({"max_parse_exceptions": 1.5}, "max_parse_exceptions 1.5 is not a whole number of at least 0."),
        ({"context": "[1]"}, "context [1] is a list, not a dictionary."),
        ({"clustering_columns": {"a": 1}}, "clustering_columns {'a': 1} is a dict, not a list."),
        (
            {"filter_expression": "None"},
            "filter_expression is 'None': it needs a value. Check the template that renders it.",
        ),
        (
            {"interval": DAY, "replace_all": True},
            (
                f"interval '{DAY}' can't be combined with replace_all=True: the target would contain only that "
                "interval. Omit replace_all to replace the interval, or set source_interval to replace the whole table "
                "with a part of the source."
            ),
        ),
        (
            {"interval": DAY, "source_interval": DAY, "target_intervals": [DAY]},
            (
                f"interval '{DAY}' has no effect: source_interval and target_intervals already set what is read and "
                "replaced. Omit interval, or one of the other two."
            ),
        ),
        (
            {"mappings": [], "measures": None},
            (
                "mappings can't be combined with dimensions and rollup_granularity, because mappings define all "
                "columns. Omit one of the two. To round time in mappings, map '__time' to TIME_FLOOR(\"__time\", "
                "'PT1H'), for example."
            ),
        ),
        (
            {"dimensions": None, "measures": None},
            (
                "the job has no columns: neither mappings nor dimensions and measures are set. Name the columns of the "
                "target, for example dimensions=['city'], measures={'sessions': 'COUNT(*)'}."
            ),
        ),
    ],
)
def test_execute_with_an_argument_that_makes_no_job_says_why(tables, clock, context, arguments, message):
    """Each invalid argument is named with its value and the fix."""
    assert refusal(operator(**arguments), context) == message
    assert tables.submitted == []


@pytest.mark.parametrize(
    "arguments, begin",
    [
        ({"interval": ""}, "interval '' is empty."),
        ({"interval": "None/None"}, "interval 'None/None' has no value where an instant belongs"),
        ({"interval": "2026-11-20/2026-11-19"}, "interval '2026-11-20/2026-11-19' is reversed"),
        ({"source_interval": "soon"}, "source_interval 'soon'"),
        ({"target_intervals": ["2026-11-19/P1D", "x"]}, "target_intervals[1] 'x'"),
        ({"target_intervals": [None]}, "target_intervals[0] '' is empty."),
        ({"target_intervals": []}, "target.intervals is missing or empty"),
        ({"partitioned_by": "fortnight"}, "partitioned_by 'fortnight' is not a granularity of Polaris."),
        ({"rollup_granularity": "fortnight"}, "rollup_granularity 'fortnight' is not a granularity of Polaris."),
        ({"dimensions": "city"}, "dimensions 'city' is a str"),
    ],
)
def test_execute_with_a_value_that_cannot_be_read_names_argument_and_value(tables, clock, context, arguments, begin):
    """Intervals and granularities are refused with the argument's name."""
    assert refusal(operator(**arguments), context).startswith(begin)
    assert tables.submitted == []


def test_execute_without_an_interval_anywhere_says_what_to_set(tables, clock, context):
    """A run without data interval and partition never becomes a job by default."""
    assert refusal(operator(), {"ti": context["ti"]}).startswith("this run has no interval:")
    assert refusal(operator(ingestion_mode="append"), {"ti": context["ti"]}).startswith("this run has no interval:")
    assert tables.asked == []


def test_execute_overwrites_no_argument(tables, clock, context):
    """Rendered values stay unchanged, for a retry and for the page of the task."""
    task = operator(replace_all="False", partitioned_by="P1D")
    before = {name: getattr(task, name) for name in task.template_fields}
    task.execute(context)
    assert {name: getattr(task, name) for name in task.template_fields} == before


def test_templates_cover_every_argument():
    """Each argument but an object that Airflow reads is templated, and the tuple is fixed."""
    classes = PolarisTableToTableOperator.__mro__[:3]
    assert classes[-1] is PolarisBaseOperator
    arguments = {name for one in classes for name in inspect.signature(one.__init__).parameters}
    assert set(PolarisTableToTableOperator.template_fields) == arguments - {"self", "kwargs", "approval"}
    assert type(PolarisTableToTableOperator.template_fields) is tuple
    assert set(PolarisTableToTableOperator.template_fields_renderers) <= set(
        PolarisTableToTableOperator.template_fields
    )


def test_templates_render_nested_values():
    """Names and expressions inside lists and dictionaries are templates, too."""
    task = operator(measures={"n": "SUM({{ params.column }})"}, target_intervals=["{{ params.span }}"])
    task.render_template_fields({"params": {"column": '"x"', "span": DAY}})
    assert task.measures == {"n": 'SUM("x")'}
    assert task.target_intervals == [DAY]


def test_docstring_describes_every_argument():
    """The class documents each of its arguments, including the inherited ones."""
    for name in PolarisTableToTableOperator.template_fields:
        assert f":param {name}:" in PolarisTableToTableOperator.__doc__, name


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (
            {"filter_expression": "1=1) OR (1=1"},
            (
                "filter_expression is not one SQL expression: ')' closes no bracket of the expression, at line 1, "
                "column 4, near '1=1) OR (1=1'. Correct the brackets."
            ),
        ),
        (
            {"source_table": "a\u200bb"},
            (
                "source_table 'a\\u200bb' contains U+200B (ZERO WIDTH SPACE), which is invisible and makes the name "
                "look like another. Remove it."
            ),
        ),
        (
            {"target_table": "a\u202eb"},
            (
                "target_table 'a\\u202eb' contains U+202E (RIGHT-TO-LEFT OVERRIDE), which is invisible and makes the "
                "name look like another. Remove it."
            ),
        ),
    ],
)
def test_execute_with_a_filter_or_name_that_deceives_asks_nothing(tables, clock, context, arguments, sentence):
    """Refused with the argument's name, before any request."""
    assert refusal(operator(**arguments), context) == sentence
    assert tables.asked == []


def test_execute_with_a_constant_named_like_its_column_warns_once(tables, clock, context, task_log):
    """The job is unchanged; the log states that single quotes make a text."""
    operator(dimensions={"city": "'city'", "kind": "'raw'", "town": '"city"'}).execute(context)
    assert [line for line in task_log() if line.startswith("WARNING")] == [
        (
            "WARNING Column 'city' gets the text 'city' in every row, because single quotes make a text in SQL. If the "
            "column 'city' of the source is meant, write its name in double quotes."
        )
    ]
    assert len(tables.submitted) == 1
