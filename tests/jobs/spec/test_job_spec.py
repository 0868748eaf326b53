# SPDX-License-Identifier: Apache-2.0
"""Job specs: what is parsed, what is kept, what is refused, and the messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_polaris import jobs
from airflow_provider_polaris.jobs import (
    BatchJobSpec,
    ColumnMapping,
    DropTableJobSpec,
    PolarisSpecError,
    TableSource,
    TableTarget,
    parse_spec,
)
from airflow_provider_polaris.jobs.time.interval import Interval

SOURCE = {"type": "table", "tableName": "events"}
TARGET = {"type": "table", "tableName": "rollup"}
BATCH = {"type": "batch", "source": SOURCE, "target": TARGET}
WORDS = (
    "millisecond, second, minute, five_minute, ten_minute, fifteen_minute, thirty_minute, hour, six_hour, eight_hour, "
    "day, week, month, quarter, year, all"
)

REFUSED: list[tuple[Any, str]] = [
    ("batch", "job spec 'batch' is a str, not an object. Write it as {'type': 'batch', ...}."),
    (
        {"query": "x"},
        (
            "type of the job spec is missing, and Polaris may take it for a SQL job without one. "
            "Write one of batch, sql, delete_data, restore_data, drop_table."
        ),
    ),
    (
        {"type": "compaction"},
        (
            "type 'compaction' is not a type of Polaris job. "
            "Write one of batch, sql, delete_data, restore_data, drop_table."
        ),
    ),
    (
        {"type": ["batch"]},
        "type ['batch'] is not a type of Polaris job. Write one of batch, sql, delete_data, restore_data, drop_table.",
    ),
    (
        {"type": "streaming"},
        "type 'streaming' is a job that never ends, so no task can wait for it. Start it in the Polaris console.",
    ),
    (
        {"type": "batch"},
        "source of the batch job is missing, and Polaris requires it. Add it. There are 2 such mistakes in all.",
    ),
    (
        {**BATCH, "source": {"type": "table"}},
        "source.tableName of the batch job is missing, and Polaris requires it. Add it.",
    ),
    *(
        (
            {**BATCH, "source": {"type": "table", slip: "events"}},
            (
                "source.tableName of the batch job is missing, and Polaris requires it. "
                f"{slip!r} is not a field of Polaris: write 'tableName'."
            ),
        )
        for slip in ("tableNmae", "table_name", "TABLENAME", "tablName", "table")
    ),
    (
        {**BATCH, "source": {"type": "table", "name": "events", "intervall": "2024/2025"}},
        "source.tableName of the batch job is missing, and Polaris requires it. Add it.",
    ),
    (
        {"type": "batch", "souce": SOURCE, "target": TARGET},
        (
            "source of the batch job is missing, and Polaris requires it. "
            "'souce' is not a field of Polaris: write 'source'."
        ),
    ),
    (
        {**BATCH, "mappings": [{"columName": "a", "expression": '"a"'}]},
        (
            "mappings[0].columnName of the batch job is missing, and Polaris requires it. "
            "'columName' is not a field of Polaris: write 'columnName'."
        ),
    ),
    (
        {"type": "restore_data", "target": TARGET, "intervals": ["2024/2025"]},
        (
            "interval of the restore_data job is missing, and Polaris requires it. "
            "'intervals' is not a field of Polaris: write 'interval'."
        ),
    ),
    (
        {"tpye": "batch", "source": SOURCE, "target": TARGET},
        (
            "type of the job spec is missing, and Polaris may take it for a SQL job without one. "
            "Write one of batch, sql, delete_data, restore_data, drop_table. "
            "'tpye' is not a field of Polaris: write 'type'."
        ),
    ),
    (
        {**BATCH, "source": {"typ": "table", "tableName": "events"}},
        (
            "source {'typ': 'table', 'tableName': 'events'} of the batch job is not an object with a type. "
            "'typ' is not a field of Polaris: write 'type'."
        ),
    ),
    (
        {**BATCH, "contetx": {}},
        "contetx of the batch job is not a field of Polaris, which would ignore it. Write 'context'.",
    ),
    (
        {**BATCH, "source": "events"},
        "source 'events' of the batch job is not an object with a type. Write it as {\"type\": ..., ...}.",
    ),
    (
        {**BATCH, "source": {}},
        'source {} of the batch job is not an object with a type. Write it as {"type": ..., ...}.',
    ),
    ({**BATCH, "source": {"type": 3}}, "source.type 3 of the batch job is not text. Write it in quotes."),
    (
        {**BATCH, "target": [TARGET]},
        "target [{'type': 'table', 'tableName': 'rollup'}] of the batch job is not an object. Write it as {...}.",
    ),
    (
        {**BATCH, "target": {**TARGET, "type": "view"}},
        "target.type 'view' of the batch job is not a value that Polaris accepts. Write 'table'.",
    ),
    (
        {**BATCH, "ingestionMode": "REPLACE"},
        "ingestionMode 'REPLACE' of the batch job is not a value that Polaris accepts. Write 'append' or 'replace'.",
    ),
    (
        {**BATCH, "createTableIfNotExists": "yes"},
        "createTableIfNotExists 'yes' of the batch job is neither true nor false. Write true or false, without quotes.",
    ),
    (
        {**BATCH, "replaceAll": 1},
        "replaceAll 1 of the batch job is neither true nor false. Write true or false, without quotes.",
    ),
    (
        {**BATCH, "maxParseExceptions": "3"},
        "maxParseExceptions '3' of the batch job is not a whole number. Write digits, without quotes.",
    ),
    (
        {**BATCH, "maxParseExceptions": 1.5},
        "maxParseExceptions 1.5 of the batch job is not a whole number. Write digits, without quotes.",
    ),
    ({**BATCH, "mappings": "city"}, "mappings 'city' of the batch job is not a list. Put it into square brackets."),
    ({**BATCH, "mappings": ["city"]}, "mappings[0] 'city' of the batch job is not an object. Write it as {...}."),
    (
        {**BATCH, "mappings": [{"columnName": "a", "expression": '"a"'}, {"columnName": "b", "expression": 3}]},
        "mappings[1].expression 3 of the batch job is not text. Write it in quotes.",
    ),
    ({**BATCH, "context": "x"}, "context 'x' of the batch job is not an object. Write it as {...}."),
    (
        {**BATCH, "context": {"a": {1, 2}}},
        (
            "context.a {1, 2} of the batch job can't be written as JSON. "
            "Use text, numbers, true, false, null, lists and objects only."
        ),
    ),
    ({**BATCH, "partitionedBy": "P1D"}, f"partitionedBy 'P1D' is not a granularity of Polaris. Write one of {WORDS}."),
    ({**BATCH, "partitionedBy": 3}, "partitionedBy 3 of the batch job is not text. Write it in quotes."),
    (
        {**BATCH, "target": {**TARGET, "intervals": "2024/2025"}},
        "target.intervals '2024/2025' of the batch job is not a list. Put it into square brackets.",
    ),
    (
        {**BATCH, "target": {**TARGET, "intervals": ["2024/2025", "2025/2024"]}},
        (
            "target.intervals[1] '2025/2024' is reversed: the end must be after the start. "
            "Swap the two, or pass data_interval_start and data_interval_end."
        ),
    ),
    (
        {**BATCH, "source": {**SOURCE, "interval": "2025/2024"}},
        (
            "source.interval '2025/2024' is reversed: the end must be after the start. "
            "Swap the two, or pass data_interval_start and data_interval_end."
        ),
    ),
    (
        {"type": "restore_data", "target": TARGET, "interval": "2025/2024"},
        (
            "interval '2025/2024' is reversed: the end must be after the start. "
            "Swap the two, or pass data_interval_start and data_interval_end."
        ),
    ),
    (
        {**BATCH, "source": {"type": "uploaded", "fileList": ["a"], "formatSettings": {"format": "csv", "columns": 3}}},
        "source.formatSettings.columns 3 of the batch job is not a list. Put it into square brackets.",
    ),
    (
        {"type": "delete_data", "target": TARGET, "soft_delete": True},
        "soft_delete of the delete_data job is not a field of Polaris, which would ignore it. Write 'softDelete'.",
    ),
    (
        {**BATCH, "mappings": [{"columnName": "a", "expression": '"a"', "isaggregation": True}]},
        (
            "mappings[0].isaggregation of the batch job is not a field of Polaris, which would ignore it. "
            "Write 'isAggregation'."
        ),
    ),
    (
        {**BATCH, "target": {**TARGET, "Intervals": []}},
        "target.Intervals of the batch job is not a field of Polaris, which would ignore it. Write 'intervals'.",
    ),
    (
        {**BATCH, "ingestonMode": "replace"},
        "ingestonMode of the batch job is not a field of Polaris, which would ignore it. Write 'ingestionMode'.",
    ),
    (
        {**BATCH, "filterExpressions": "\"city\" = 'Oslo'"},
        (
            "filterExpressions of the batch job is not a field of Polaris, which would ignore it. "
            "Write 'filterExpression'."
        ),
    ),
    (
        {**BATCH, "source": {**SOURCE, "intervals": "2024/2025"}},
        "source.intervals of the batch job is not a field of Polaris, which would ignore it. Write 'interval'.",
    ),
]


@pytest.mark.parametrize("body, message", REFUSED)
def test_parse_spec_of_a_wrong_shape_says_field_value_rule_and_mend(body: Any, message: str) -> None:
    """The message is ours, not pydantic's."""
    with pytest.raises(PolarisSpecError) as caught:
        parse_spec(body)

    assert str(caught.value) == message


def test_parse_spec_of_a_huge_value_shortens_it() -> None:
    """A file pasted into a field is shortened in the message."""
    with pytest.raises(PolarisSpecError) as caught:
        parse_spec({**BATCH, "context": "x" * 10_000_000})

    assert str(caught.value) == (
        f"context '{'x' * 119}… (10000002 characters) of the batch job is not an object. Write it as {{...}}."
    )


def test_parse_spec_keeps_what_is_like_a_field_that_is_there() -> None:
    """If the known field is present, a similar name is a new field of the API."""
    body = {**BATCH, "filterExpression": "\"city\" = 'Oslo'", "filterExpressions": []}

    assert parse_spec(body).to_wire()["filterExpressions"] == []


def test_parse_spec_unknown_fields_are_kept_at_every_level() -> None:
    """A new field of the API is sent."""
    body = {
        **BATCH,
        "source": {**SOURCE, "snapshot": "s1"},
        "target": {**TARGET, "branch": {"name": "b"}},
        "mappings": [{"columnName": "a", "expression": '"a"', "comment": "why"}],
        "priority": [1, {"x": None}],
    }

    wire = parse_spec(body).to_wire()

    assert wire["priority"] == [1, {"x": None}]
    assert wire["source"] == {**body["source"], "interval": Interval.ETERNITY.to_wire()}
    assert wire["target"] == body["target"]
    assert wire["mappings"] == body["mappings"]


def test_parse_spec_source_that_we_have_no_model_for_passes_as_it_is() -> None:
    """Batch jobs from object stores are sent unchanged."""
    source = {"type": "s3", "connectionName": "c", "uris": ["s3://b/k"], "inputSchema": []}

    assert parse_spec({**BATCH, "source": source}).to_wire()["source"] == source


def test_parse_spec_null_means_the_same_as_absent() -> None:
    """The API echoes null for missing fields; such an echo can be parsed again."""
    nulls = dict.fromkeys(
        ("context", "filterExpression", "clusteringColumns", "partitionedBy", "mappings", "replaceAll")
    )

    assert parse_spec({**BATCH, **nulls, "target": {**TARGET, "intervals": None}}) == parse_spec(BATCH)


@pytest.mark.parametrize(
    "text",
    [
        "2022-06-01T00:00:00Z/2022-06-01T08:00:00Z",
        "2022-06-01/2022-06-09",
        "2015-07-01/P100D",
        "2024-06-01T00:00:00+02:00/2024-06-02T00:00:00+02:00",
        "-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z",
    ],
)
def test_interval_in_a_documented_form_is_sent_as_written(text: str) -> None:
    """The user's own text is sent to Polaris."""
    assert TableSource(table_name="t", interval=text).to_wire()["interval"] == text


@pytest.mark.parametrize(
    "text",
    ["2024-06-01 00:00:00+00:00/2024-06-02 00:00:00+00:00", "20240601/20240602", " 2024-06-01 / P1D"],
)
def test_interval_in_another_form_is_written_in_full(text: str) -> None:
    """The result of an Airflow template becomes a form that Polaris parses."""
    wire = TableTarget(table_name="t", intervals=(text,)).to_wire()

    assert wire["intervals"] == ["2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"]


def test_interval_of_source_and_target_can_be_read_back() -> None:
    """Specs provide intervals, not only texts."""
    day = Interval.parse("2024-06-01/P1D")
    spec = BatchJobSpec(
        source=TableSource(table_name="a", interval="2024-06-01/P1D"),
        target=TableTarget(table_name="b", intervals=("2024-06-01/2024-06-02",)),
    )

    assert isinstance(spec.source, TableSource)
    assert (spec.source.span, spec.target.spans, TableTarget(table_name="b").spans) == (day, (day,), ())


def test_constructor_unknown_argument_is_refused() -> None:
    """A typing mistake in Python is an error, unlike an unknown field of a user's JSON."""
    with pytest.raises(PolarisSpecError) as caught:
        TableTarget(table_name="t", interval="2024/2025")  # type: ignore[call-arg]

    assert str(caught.value) == "TableTarget has no field 'interval'. It has intervals, table_name, type."


def test_constructor_wrong_type_raises_our_error() -> None:
    """Python callers get the same messages as JSON callers."""
    with pytest.raises(PolarisSpecError) as caught:
        ColumnMapping(column_name="a", expression='"a"', is_aggregation="true")  # type: ignore[arg-type]

    assert str(caught.value) == (
        "is_aggregation 'true' of the ColumnMapping is neither true nor false. Write true or false, without quotes."
    )


def test_spec_is_frozen() -> None:
    """A spec can't change after it was checked."""
    spec = DropTableJobSpec(target=TableTarget(table_name="t"))

    with pytest.raises(ValueError, match="frozen"):
        spec.soft_delete = True  # type: ignore[misc]


TEXT = st.text("aé/ '\"{}", max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["source", "target", "mappings", "context", "query", "parameters", "interval", "versions", "partitionedBy"]
)
GOOD = {
    "batch": BATCH,
    "sql": {"query": "INSERT INTO x"},
    "delete_data": {"target": TARGET},
    "restore_data": {"target": TARGET, "interval": "2024/2025"},
    "drop_table": {"target": TARGET},
}


@given(kind=st.sampled_from(sorted(GOOD)), changed=st.dictionaries(FIELDS, JSON, max_size=3))
def test_parse_spec_of_any_json_gives_a_spec_or_our_error(kind: str, changed: Mapping[str, Any]) -> None:
    """Any body is parsed or refused with PolarisSpecError, and a parsed spec can be parsed again."""
    try:
        spec = parse_spec({**GOOD[kind], **changed, "type": kind})
    except PolarisSpecError as refusal:
        message = str(refusal)
    else:
        message = ""
        assert parse_spec(spec.to_wire()) == spec
    assert "\n" not in message


def test_public_names_are_all_there() -> None:
    """Each name of __all__ can be imported and is listed, and no others are public."""
    assert jobs.__all__ == sorted(jobs.__all__)
    assert set(jobs.__all__) <= set(dir(jobs))
    assert all(getattr(jobs, name) is not None for name in jobs.__all__)
    with pytest.raises(AttributeError, match=r"^module 'airflow_provider_polaris.jobs' has no attribute 'Job'$"):
        _ = jobs.Job
