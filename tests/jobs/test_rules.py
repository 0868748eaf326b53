"""Each rule that can be checked before a request: what breaks it, in which words, and the neighbour that doesn't."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisProtocolError, PolarisSpecError
from airflow_provider_polaris.jobs.facts import TableFacts
from airflow_provider_polaris.jobs.granularity import Granularity
from airflow_provider_polaris.jobs.rules import check_spec, check_table_name
from airflow_provider_polaris.jobs.spec import JobSpec, parse_spec

DAY = "2024-06-01/2024-06-02"
MAPPINGS = [
    {"columnName": "city", "expression": '"city"'},
    {"columnName": "n", "expression": 'SUM("n")', "isAggregation": True},
]
COUNT = {"columnName": "__count", "expression": 'SUM("__count")', "isAggregation": True}
FILES = {"type": "uploaded", "fileList": ["a.json"], "inputSchema": [{"name": "t", "dataType": "string"}]}
TIME_FROM_FILE = {"columnName": "__time", "expression": 'TIME_PARSE("t")'}


def table(name: str = "rollup", **fields: Any) -> dict[str, Any]:
    return {"type": "table", "tableName": name, **fields}


def batch(**fields: Any) -> JobSpec:
    """Return an append job that breaks no rule, but for what is given."""
    body = {"type": "batch", "source": table("events"), "target": table("rollup"), "mappings": MAPPINGS, **fields}
    return parse_spec(body)


def replace(*intervals: str, **fields: Any) -> JobSpec:
    return batch(ingestionMode="replace", target=table("rollup", intervals=list(intervals)), **fields)


def mapping(expression: str, *, marked: bool | None = None, column: str = "x") -> JobSpec:
    """Return a job with one mapping."""
    fields = {} if marked is None else {"isAggregation": marked}
    return batch(mappings=[{"columnName": column, "expression": expression, **fields}])


def events(kind: str = "detail", *columns: str, **fields: Any) -> TableFacts:
    return TableFacts("events", kind, columns=frozenset(columns) or None, **fields)


def refusal(spec: JobSpec, **facts: Any) -> str:
    with pytest.raises(PolarisSpecError) as caught:
        check_spec(spec, **facts)
    return str(caught.value)


# Mode


@pytest.mark.parametrize(
    "spec, message",
    [
        (
            batch(target=table(intervals=[DAY])),
            (
                "target.intervals ['2024-06-01/2024-06-02'] can't go with ingestionMode 'append', which replaces "
                "nothing. "
                "Leave them out, or set ingestionMode to 'replace'."
            ),
        ),
        (
            batch(replaceAll=True),
            (
                "replaceAll True can't go with ingestionMode 'append', which replaces nothing. "
                "Leave it out, or set ingestionMode to 'replace'."
            ),
        ),
        (
            batch(ingestionMode="replace"),
            (
                "target.intervals [] is empty, and ingestionMode 'replace' needs to know what to replace. "
                "Name the intervals, or set replaceAll to true to replace all data of the table."
            ),
        ),
        (
            replace(DAY, replaceAll=True),
            (
                "replaceAll True can't go with target.intervals ['2024-06-01/2024-06-02']: a job replaces all data "
                "or those "
                "intervals. Leave one of the two out."
            ),
        ),
        (
            replace("2024-06-02/P2D", "2024-06-01/P2D"),
            (
                "target.intervals '2024-06-01/P2D' and '2024-06-02/P2D' overlap. "
                "Write '2024-06-01T00:00:00.000Z/2024-06-04T00:00:00.000Z' instead of the two."
            ),
        ),
    ],
)
def test_check_spec_mode_and_what_is_replaced_must_agree(spec: JobSpec, message: str) -> None:
    """Append replaces nothing; replace says what, once."""
    assert refusal(spec) == message


@pytest.mark.parametrize(
    "spec",
    [
        batch(target=table(intervals=[]), replaceAll=False),
        replace(DAY),
        batch(ingestionMode="replace", replaceAll=True, target=table(intervals=[])),
        replace("2024-06-02/P1D", "2024-06-01/P1D"),
    ],
)
def test_check_spec_mode_and_what_is_replaced_agree(spec: JobSpec) -> None:
    """What the SDK sends by default and intervals that only touch are fine."""
    check_spec(spec)


def test_check_spec_replace_all_with_the_runs_own_interval_is_refused() -> None:
    """A daily run may not leave the table with one day; an interval that the user wrote may."""
    spec = batch(ingestionMode="replace", replaceAll=True, source=table("events", interval=DAY))

    assert refusal(spec, derived_interval=True) == (
        "replaceAll True would leave the table with nothing but the run's own interval '2024-06-01/2024-06-02'. "
        "Replace that interval only, or set the source's interval yourself."
    )
    check_spec(spec)


# Source and target


def test_check_spec_replaced_interval_that_is_not_read_is_refused() -> None:
    """Rows of the target that the job has no rows for would be erased."""
    assert refusal(replace("2024-06-01/P2D", source=table("events", interval=DAY))) == (
        "target.intervals[0] '2024-06-01/P2D' reaches outside source.interval '2024-06-01/2024-06-02': "
        "what the job doesn't read would be erased. Let the source's interval cover it, or leave that out."
    )


@pytest.mark.parametrize(
    "source_interval, time",
    [
        (DAY, None),
        ("2024-05/2024-07", None),
        (DAY, "TIME_FLOOR(\"__time\", 'PT1H')"),
        ("2024-05-31/P1D", "TIME_SHIFT(\"__time\", 'P1D', 1)"),
        ("2024-05-31/P1D", "TIME_FLOOR(TIME_SHIFT(\"__time\", 'P1D', 1), 'PT1H')"),
        ("2024-05-31/P1D", "TIME_SHIFT("),
    ],
)
def test_check_spec_replaced_interval_that_is_read_or_moved_passes(source_interval: str, time: str | None) -> None:
    """The same interval, a wider one, or one whose rows are moved in time."""
    moved = [{"columnName": "__time", "expression": time}] if time else []

    check_spec(replace(DAY, source=table("events", interval=source_interval), mappings=[*moved, *MAPPINGS]))


def test_check_spec_append_to_its_own_source_needs_consent() -> None:
    """Doubling a table takes an argument; replacing it doesn't."""
    spec = batch(source=table("rollup"))

    assert refusal(spec) == (
        "source.tableName 'rollup' is the target too: with ingestionMode 'append' its rows would be there twice. "
        "Set ingestionMode to 'replace', or pass allow_self_append=True if that is what you mean."
    )
    check_spec(spec, allow_self_append=True)
    check_spec(replace(DAY, source=table("rollup")))


@pytest.mark.parametrize("known_as", ["source", "target"])
def test_check_spec_replace_of_its_own_source_keeps_every_column(known_as: str) -> None:
    """A table written over itself loses what is not mapped; __time maps itself."""
    facts = {known_as: TableFacts("rollup", "detail", columns=frozenset(["__time", "city", "n", "session", "age"]))}
    kept = [{"columnName": name, "expression": f'"{name}"'} for name in ("city", "n", "session", "age")]

    assert refusal(replace(DAY, source=table("rollup")), **facts) == (
        "mappings leave out 'age', 'session' of table 'rollup', which is source and target: its rows would lose what "
        "they hold there. Map each column, or write into another table."
    )
    check_spec(replace(DAY, source=table("rollup"), mappings=kept), **facts)
    check_spec(replace(DAY), **facts)


def test_check_spec_target_that_does_not_exist_must_be_created() -> None:
    """The job would fail on a missing table."""
    assert refusal(batch(), target_known_absent=True) == (
        "target.tableName 'rollup' does not exist and createTableIfNotExists is false. "
        "Set it to true, or create the table first."
    )
    check_spec(batch(createTableIfNotExists=True), target_known_absent=True)
    check_spec(batch())


@pytest.mark.parametrize(
    "availability, mend",
    [
        ("unavailable", "Wait until it is available, then run the task again."),
        ("UNAVAILABLE", "Wait until it is available, then run the task again."),
        ("deleting", "Use another."),
    ],
)
def test_check_spec_source_that_is_not_available_is_refused(availability: str, mend: str) -> None:
    """Polaris can't ingest from it, in either spelling."""
    assert refusal(batch(), source=events(availability=availability)) == (
        f"source.tableName 'events' is '{availability}': Polaris can't ingest from such a table. {mend}"
    )


@pytest.mark.parametrize("availability", ["available", "AVAILABLE", None, "resting"])
def test_check_spec_source_in_another_state_passes(availability: str | None) -> None:
    """A state that we don't know stops nobody."""
    check_spec(batch(), source=events(availability=availability))


def test_check_spec_target_that_is_being_deleted_is_refused() -> None:
    """Unavailable for queries is no obstacle for writing; deletion is."""
    target = TableFacts("rollup", "aggregate", availability="deleting")

    assert refusal(batch(), target=target) == (
        "target.tableName 'rollup' is 'deleting': what the job writes would be deleted too. "
        "Wait until it is gone, then create it again."
    )
    check_spec(batch(), target=TableFacts("rollup", "aggregate", availability="unavailable"))


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"fileList": []}, "source.fileList [] is empty: there is nothing to read. Name at least one uploaded file."),
        (
            {"inputSchema": []},
            (
                "source.inputSchema [] is empty: Polaris reads only the fields that it names. "
                'Add each field, for example {"name": "city", "dataType": "string"}.'
            ),
        ),
    ],
)
def test_check_spec_uploaded_source_names_files_and_fields(changed: dict[str, Any], message: str) -> None:
    """Nothing can be read without them."""
    assert refusal(batch(source={**FILES, **changed}, mappings=[TIME_FROM_FILE])) == message


def test_check_spec_uploaded_source_needs_time() -> None:
    """Only a table brings its own __time."""
    assert refusal(batch(source=FILES)) == (
        "mappings leave out '__time', and a file has no such column by itself. "
        'Add {"columnName": "__time", "expression": "TIME_PARSE(\\"timestamp\\")"}, with the name of your field.'
    )
    check_spec(batch(source=FILES, mappings=[TIME_FROM_FILE, *MAPPINGS]))


# Settings


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"maxParseExceptions": -1}, "maxParseExceptions -1 is out of range. Write a number from 0 to 2147483647."),
        (
            {"maxParseExceptions": 2147483648},
            "maxParseExceptions 2147483648 is out of range. Write a number from 0 to 2147483647.",
        ),
        (
            {"partitionedBy": "week"},
            "partitionedBy 'week' is no longer a partitioning of Polaris. Use 'day' or 'month'.",
        ),
        (
            {"partitionedBy": "millisecond"},
            "partitionedBy 'millisecond' is not a partitioning of Polaris. Use 'second' or coarser.",
        ),
        (
            {"clusteringColumns": ["city", "n"]},
            "clusteringColumns[1] 'n' is a measure, and Polaris clusters by dimensions only. Take it out.",
        ),
    ],
)
def test_check_spec_settings_out_of_range_are_refused(fields: dict[str, Any], message: str) -> None:
    """Numbers, partitionings and clustering columns that the API doesn't take."""
    assert refusal(batch(**fields)) == message


@pytest.mark.parametrize(
    "fields",
    [
        {"maxParseExceptions": 0},
        {"maxParseExceptions": 2147483647},
        {"partitionedBy": "second"},
        {"partitionedBy": "all"},
        {"clusteringColumns": ["city"]},
    ],
)
def test_check_spec_settings_in_range_pass(fields: dict[str, Any]) -> None:
    """The edges of each range."""
    check_spec(batch(**fields))


# Mappings


@pytest.mark.parametrize(
    "spec, message",
    [
        (
            batch(mappings=[]),
            (
                "mappings [] is empty: Polaris ignores columns that are not mapped, so the job would write none. "
                'Map each column to keep, for example {"columnName": "city", "expression": "\\"city\\""}.'
            ),
        ),
        (
            batch(mappings=[*MAPPINGS, {"columnName": "city", "expression": 'UPPER("city")'}]),
            "mappings[2].columnName 'city' is mapped already by mappings[0]. Take one of the two out.",
        ),
        (mapping('"x"', column=" "), "mappings[0].columnName ' ' is blank. Write the name of a column."),
        (mapping(" "), "mappings[0].expression ' ' is blank. Write a SQL expression, such as '\"city\"'."),
        (
            mapping('MAX("x")'),
            (
                "mappings[0].expression 'MAX(\"x\")' aggregates with MAX, but isAggregation is not set, so Polaris "
                "may take 'x' "
                'for a dimension. Set "isAggregation": true.'
            ),
        ),
        (
            mapping('CASE WHEN SUM("a") > 0 THEN MAX("b") END', marked=False),
            (
                'mappings[0].expression \'CASE WHEN SUM("a") > 0 THEN MAX("b") END\' aggregates with SUM and MAX, but '
                "isAggregation is false, so Polaris may take 'x' for a dimension. Set \"isAggregation\": true."
            ),
        ),
        (
            mapping('UPPER("MAX")', marked=True),
            (
                "mappings[0].expression 'UPPER(\"MAX\")' has no aggregate function, but isAggregation is true. "
                "Take isAggregation out, or aggregate, for example with MAX(...)."
            ),
        ),
        (
            mapping('1 + AVG("x")', marked=True),
            (
                "mappings[0].expression '1 + AVG(\"x\")' uses AVG, which can't be stored: merged rows would hold an "
                "average of "
                "averages. Map a SUM and a COUNT, and divide them when you query."
            ),
        ),
        (
            mapping("TIMESTAMPDIFF(DAY, __time, CURRENT_TIMESTAMP)"),
            (
                "mappings[0].expression 'TIMESTAMPDIFF(DAY, __time, CURRENT_TIMESTAMP)' uses CURRENT_TIMESTAMP, "
                "which Polaris "
                "freezes when the job begins, so that a retry gives other rows. "
                "Write a literal made from the data interval, such as TIMESTAMP '2024-06-01 00:00:00'."
            ),
        ),
    ],
)
def test_check_spec_mapping_that_breaks_a_rule_is_refused(spec: JobSpec, message: str) -> None:
    """Each mapping is one column, marked as what it is, and the same on each retry."""
    assert refusal(spec) == message


@pytest.mark.parametrize(
    "spec",
    [
        mapping('MAX("x")', marked=True),
        mapping('CASE WHEN SUM("a") > 0 THEN MAX("b") END', marked=True),
        mapping('"MAX"'),
        mapping("'MAX(x), AVG(x) and CURRENT_TIMESTAMP'"),
        mapping('UPPER("MAX(x)")', marked=False),
        mapping('SUM("a") OVER (PARTITION BY "b")'),
        mapping('"AVG"'),
        mapping('SUM("x") / COUNT(*)', marked=True),
        mapping('MY_SKETCH("x")', marked=True),
        mapping('MY_FUNCTION("x")'),
        mapping('MAX("x"'),
        mapping("NOT AN EXPRESSION (", marked=True),
        batch(mappings=[*MAPPINGS, {"columnName": "City", "expression": '"city"'}]),
    ],
)
def test_check_spec_mapping_that_only_looks_wrong_passes(spec: JobSpec) -> None:
    """Names, literals, windows, unknown functions and what can't be parsed are left to Polaris."""
    check_spec(spec)


def test_check_spec_measure_of_the_target_must_be_aggregated() -> None:
    """A declared measure can't be filled with plain values."""
    target = TableFacts("rollup", "aggregate", measures=frozenset(["n"]))

    assert refusal(mapping('"n"', column="n"), target=target) == (
        "mappings[0].expression '\"n\"' has no aggregate function, but 'n' is a measure of table 'rollup'. "
        'Aggregate, for example with SUM(...), and set "isAggregation": true.'
    )
    check_spec(mapping('"m"', column="m"), target=target)
    check_spec(mapping('SUM("n")', column="n", marked=True), target=target)


# A source that is rolled up already


def test_check_spec_second_rollup_without_count_is_refused() -> None:
    """The COUNT(*) that Polaris adds would count stored rows."""
    assert refusal(batch(), source=events("aggregate", "__time", "__count", "n")) == (
        "mappings leave out '__count', and the source 'events' is an aggregate table: Polaris may add COUNT(*), which "
        "counts stored rows and not the events behind them. "
        'Add {"columnName":"__count","expression":"SUM(\\"__count\\")","isAggregation":true}.'
    )


def test_check_spec_second_rollup_without_count_in_the_source_says_what_to_sum() -> None:
    """The usual mend would fail if the source has no __count."""
    assert refusal(batch(), source=events("aggregate", "__time", "n")) == (
        "mappings leave out '__count', and the source 'events' is an aggregate table: Polaris may add COUNT(*), which "
        "counts stored rows and not the events behind them. It has no column '__count' to sum, so map '__count' to "
        "the SUM "
        "of the column that counts its events, or to SUM(1) if stored rows are what you mean."
    )


@pytest.mark.parametrize("expression", ["COUNT(*)", "COUNT(1)", 'SUM("n") / COUNT("n")'])
def test_check_spec_count_over_a_rollup_is_refused(expression: str) -> None:
    """A plain COUNT over stored rows is not the number of events."""
    spec = batch(mappings=[COUNT, {"columnName": "x", "expression": expression, "isAggregation": True}])

    assert refusal(spec, source=events("aggregate")) == (
        f"mappings[1].expression {expression!r} counts the stored rows of 'events', which is an aggregate table, not "
        f"the "
        'events behind them. Write SUM("__count"), or SUM(1) if stored rows are what you mean.'
    )
    check_spec(spec, source=events("detail"))
    check_spec(spec)


@pytest.mark.parametrize(
    "spec, kind",
    [
        (batch(mappings=[*MAPPINGS, COUNT]), "aggregate"),
        (
            batch(mappings=[COUNT, {"columnName": "u", "expression": 'COUNT(DISTINCT "u")', "isAggregation": True}]),
            "aggregate",
        ),
        (batch(mappings=[COUNT, {"columnName": "rows", "expression": "SUM(1)", "isAggregation": True}]), "aggregate"),
        (batch(mappings=MAPPINGS[:1]), "aggregate"),
        (batch(), "detail"),
    ],
)
def test_check_spec_second_rollup_that_counts_events_passes(spec: JobSpec, kind: str) -> None:
    """Summed counts, distinct counts, copies without measures and first rollups."""
    check_spec(spec, source=events(kind))


# Filter


@pytest.mark.parametrize(
    "expression, message",
    [
        (" ", "filterExpression ' ' is blank. Leave it out to take all rows."),
        (
            " Where \"a\" = 'x'",
            (
                "filterExpression ' Where \"a\" = \\'x\\'' begins with WHERE, which Polaris adds itself. "
                "Write '\"a\" = \\'x\\''."
            ),
        ),
        (
            "\"__time\" > CURRENT_TIMESTAMP - INTERVAL '1' DAY",
            (
                "filterExpression '\"__time\" > CURRENT_TIMESTAMP - INTERVAL \\'1\\' DAY' uses CURRENT_TIMESTAMP, "
                "which Polaris "
                "freezes when the job begins, so that a retry gives other rows. "
                "Write a literal made from the data interval, such as TIMESTAMP '2024-06-01 00:00:00'."
            ),
        ),
        (
            'now() > "a" AND CURRENT_DATE > "b"',
            (
                'filterExpression \'now() > "a" AND CURRENT_DATE > "b"\' uses CURRENT_DATE and NOW, which Polaris '
                "freezes when "
                "the job begins, so that a retry gives other rows. "
                "Write a literal made from the data interval, such as TIMESTAMP '2024-06-01 00:00:00'."
            ),
        ),
        (
            '"a" = 1 AND COUNT(*) > 1',
            (
                "filterExpression '\"a\" = 1 AND COUNT(*) > 1' aggregates with COUNT, but a filter sees one row at a "
                "time, before "
                "rollup. Filter on columns of the source, or aggregate first and filter when you query."
            ),
        ),
    ],
)
def test_check_spec_filter_that_breaks_a_rule_is_refused(expression: str, message: str) -> None:
    """A filter is a condition over one row, without keyword and without clock."""
    assert refusal(batch(filterExpression=expression)) == message


@pytest.mark.parametrize(
    "expression",
    [
        "TIME_IN_INTERVAL(\"__time\", '2024-06-01/P1D') AND \"city\" IN ('x', 'NOW()')",
        '"where" = 1',
        "wherever = 1",
        '"CURRENT_DATE" > 1 OR "COUNT" > 2',
        '"a" IN (SELECT MAX("a") FROM "t")',
        '"a" = ',
    ],
)
def test_check_spec_filter_that_only_looks_wrong_passes(expression: str) -> None:
    """Columns with such names, literals, subqueries and what can't be parsed are left to Polaris."""
    check_spec(batch(filterExpression=expression))


# Other jobs


@pytest.mark.parametrize(
    "body, message",
    [
        (
            {"type": "delete_data", "target": table()},
            (
                "target.intervals [] is empty, and a delete_data job needs to know what to delete. "
                "Name the intervals, or set deleteAll to true to delete all data of the table."
            ),
        ),
        (
            {"type": "delete_data", "target": table(intervals=[DAY]), "deleteAll": True},
            (
                "deleteAll True can't go with target.intervals ['2024-06-01/2024-06-02']: a job deletes all data or "
                "those "
                "intervals. Leave one of the two out."
            ),
        ),
        (
            {"type": "restore_data", "target": table(intervals=[DAY]), "interval": DAY},
            (
                "target.intervals ['2024-06-01/2024-06-02'] can't go with a restore_data job, which has none. "
                "Name the one interval to restore in 'interval'."
            ),
        ),
        (
            {"type": "drop_table", "target": table(intervals=[DAY])},
            (
                "target.intervals ['2024-06-01/2024-06-02'] can't go with a drop_table job, which has none. "
                "Leave them out to drop the whole table, or use a delete_data job to delete the intervals."
            ),
        ),
        (
            {"type": "drop_table", "target": table(" x")},
            "target.tableName ' x' begins or ends with white space, which Polaris refuses. Write 'x'.",
        ),
        (
            {"type": "sql", "query": " "},
            "query ' ' is blank. Write an INSERT INTO or REPLACE INTO statement.",
        ),
        (
            {"type": "sql", "query": "-- INSERT\nselect 1"},
            (
                "query '-- INSERT\\nselect 1' begins with SELECT, but a sql job ingests. "
                "Write INSERT INTO or REPLACE INTO, or send a SELECT with PolarisHook.query."
            ),
        ),
    ],
)
def test_check_spec_other_job_that_breaks_a_rule_is_refused(body: dict[str, Any], message: str) -> None:
    """Deletions say what, once; restore and drop take no intervals; SQL jobs ingest."""
    assert refusal(parse_spec(body)) == message


@pytest.mark.parametrize(
    "body",
    [
        {"type": "delete_data", "target": table(intervals=["2024-06-01T07:00Z/PT1H", DAY])},
        {"type": "delete_data", "target": table(intervals=[]), "deleteAll": True},
        {"type": "restore_data", "target": table(intervals=[]), "interval": DAY, "versions": ["a", "b"]},
        {"type": "drop_table", "target": table()},
        {"type": "sql", "query": 'INSERT INTO "x" SELECT * FROM "y" PARTITIONED BY DAY'},
        {"type": "sql", "query": "/* SELECT */ REPLACE INTO x OVERWRITE ALL SELECT 1 PARTITIONED BY ALL"},
        {"type": "sql", "query": "'"},
    ],
)
def test_check_spec_other_job_that_keeps_the_rules_passes(body: dict[str, Any]) -> None:
    """Any interval may be deleted; an empty list is no interval; unreadable SQL is left to Polaris."""
    check_spec(parse_spec(body))


# Names


@pytest.mark.parametrize(
    "name, message",
    [
        ("", "f '' is empty: a job needs the name of a table. Write the table's name."),
        (" a", "f ' a' begins or ends with white space, which Polaris refuses. Write 'a'."),
        ("a ", "f 'a ' begins or ends with white space, which Polaris refuses. Write 'a'."),
        ("a\tb", "f 'a\\tb' contains the control character '\\t', which Polaris refuses. Take it out."),
        ("a\x7fb", "f 'a\\x7fb' contains the control character '\\x7f', which Polaris refuses. Take it out."),
        (
            "a\u00a0b",
            "f 'a\\xa0b' contains white space other than a blank, '\\xa0', which Polaris refuses. Take it out.",
        ),
        (".a", "f '.a' begins with a dot, which Polaris refuses. Write 'a', or begin with a letter."),
        ("a/b", "f 'a/b' contains '/', which Polaris refuses. Write 'a_b', for example."),
        ("a\U0001f428", "f 'a🐨' contains the emoji '\\U0001f428', which Polaris refuses. Take it out."),
        ("a\ud800", "f 'a\\ud800' contains the surrogate '\\ud800', which Polaris refuses. Take it out."),
        (
            "x" * 256,
            f"f '{'x' * 119}… (258 characters) has 256 characters; Polaris takes at most 255. Choose a shorter name.",
        ),
        (3, "f 3 is a int, not text. Write the table's name in quotes."),
    ],
)
def test_check_table_name_that_polaris_refuses(name: object, message: str) -> None:
    """Each rule for names has its sentence."""
    with pytest.raises(PolarisSpecError) as caught:
        check_table_name(name, "f")

    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["Koalas Source", "a.b", "x" * 255, "Köln ©", "表", "a'b\"c", "..".join("ab"), "1"])
def test_check_table_name_that_polaris_takes(name: str) -> None:
    """Blanks, dots, quotes and other scripts inside a name are fine."""
    check_table_name(name, "f")


def test_check_spec_names_both_tables_in_their_fields() -> None:
    """The error tells which of the two names is wrong."""
    assert refusal(batch(source=table("a/b"))) == (
        "source.tableName 'a/b' contains '/', which Polaris refuses. Write 'a_b', for example."
    )
    assert refusal(batch(target=table("a/b"))) == (
        "target.tableName 'a/b' contains '/', which Polaris refuses. Write 'a_b', for example."
    )


# Facts


def test_table_facts_are_read_from_the_tables_api() -> None:
    """Declared and discovered columns count; measures are the declared ones."""
    payload = {
        "name": "rollup",
        "type": "aggregate",
        "partitioningGranularity": "month",
        "availability": "available",
        "schema": [{"type": "dimension", "name": "city"}, {"type": "measure", "name": "n", "dataType": "long"}],
        "queryableSchema": [{"name": "__time", "dataType": "timestamp", "isDiscovered": False}, {"name": "late"}, "?"],
    }

    assert TableFacts.from_wire(payload) == TableFacts(
        name="rollup",
        type="aggregate",
        partitioning=Granularity.MONTH,
        availability="available",
        columns=frozenset(["__time", "city", "n", "late"]),
        measures=frozenset(["n"]),
    )


@pytest.mark.parametrize(
    "word, partitioning", [(None, Granularity.DAY), ("week", Granularity.WEEK), ("fortnight", None)]
)
def test_table_facts_partitioning_default_is_day_and_unknown_is_none(
    word: str | None, partitioning: Granularity | None
) -> None:
    """The documented default counts; a word of tomorrow is not guessed at."""
    facts = TableFacts.from_wire({"name": "t", "type": "Detail", "partitioningGranularity": word})

    assert facts == TableFacts("t", "detail", partitioning=partitioning)


def test_table_facts_without_a_name_are_a_protocol_error() -> None:
    """An answer that we can't read is not the user's mistake."""
    with pytest.raises(PolarisProtocolError) as caught:
        TableFacts.from_wire({"type": "detail"})

    assert str(caught.value) == (
        "Polaris described a table without name: {'type': 'detail'}. Look for a newer version of this package."
    )
