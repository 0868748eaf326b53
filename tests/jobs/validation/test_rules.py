# SPDX-License-Identifier: Apache-2.0
"""Each rule for mode, tables and settings of a job: its violation, its message, and a similar valid job."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.spec.job_spec import JobSpec
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.validation.rules import check_spec
from tests.jobs.specs import DAY, FILES, MAPPINGS, TIME_FROM_FILE, batch, events, refusal, replace, table

# Mode


@pytest.mark.parametrize(
    "spec, message",
    [
        (
            batch(target=table(intervals=[DAY])),
            (
                "target.intervals ['2024-06-01/2024-06-02'] cannot be combined with ingestionMode 'append' "
                "(the default), which "
                "replaces nothing. Set ingestionMode to 'replace', or leave them out."
            ),
        ),
        (
            batch(replaceAll=True, ingestionMode="append"),
            (
                "replaceAll True cannot be combined with ingestionMode 'append', which replaces nothing. "
                "Set ingestionMode to 'replace', or leave it out."
            ),
        ),
        (
            batch(ingestionMode="replace"),
            (
                "target.intervals is missing or empty, and ingestionMode 'replace' needs the intervals to replace. "
                "Name the intervals. Set replaceAll to true only to discard all other data of the table."
            ),
        ),
        (
            replace(DAY, replaceAll=True),
            (
                "replaceAll True cannot be combined with target.intervals ['2024-06-01/2024-06-02']: a job "
                "replaces all data "
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
    """Append replaces nothing; replace names the data once."""
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
    """The SDK's defaults and adjacent intervals are valid."""
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
        "rows that the job does not read would be erased. Let the source's interval cover it, or remove it "
        "from the target."
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
    """Doubling a table needs an argument; replacing it doesn't."""
    spec = batch(source=table("rollup"))

    assert refusal(spec) == (
        "source.tableName 'rollup' is also the target: with ingestionMode 'append' its rows would be doubled. "
        "Set ingestionMode to 'replace', or pass allow_self_append=True if that is what you mean."
    )
    check_spec(spec, allow_self_append=True)
    check_spec(replace(DAY, source=table("rollup")))


@pytest.mark.parametrize("known_as", ["source", "target"])
def test_check_spec_replace_of_its_own_source_keeps_every_column(known_as: str) -> None:
    """A table that is written over itself loses unmapped columns; __time is mapped by default."""
    facts = {
        known_as: TableDescription("rollup", "detail", columns=frozenset(["__time", "city", "n", "session", "age"]))
    }
    kept = [{"columnName": name, "expression": f'"{name}"'} for name in ("city", "n", "session", "age")]

    assert refusal(replace(DAY, source=table("rollup")), **facts) == (
        "mappings leave out 'age', 'session' of table 'rollup', which is source and target: its rows would lose their "
        "values there. Map each column, or write into another table."
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
    """An unknown availability is accepted."""
    check_spec(batch(), source=events(availability=availability))


def test_check_spec_target_that_is_being_deleted_is_refused() -> None:
    """A table that is unavailable for queries can be written; one that is being deleted can't."""
    target = TableDescription("rollup", "aggregate", availability="deleting")

    assert refusal(batch(), target=target) == (
        "target.tableName 'rollup' is 'deleting': what the job writes would be deleted too. Wait until it is deleted, "
        "then create it again."
    )
    check_spec(batch(), target=TableDescription("rollup", "aggregate", availability="unavailable"))


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
    """Only a table has its own __time."""
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
            "clusteringColumns[1] 'n' is a measure, and Polaris clusters by dimensions only. Remove it.",
        ),
    ],
)
def test_check_spec_settings_out_of_range_are_refused(fields: dict[str, Any], message: str) -> None:
    """Numbers, partitionings and clustering columns that the API doesn't accept."""
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


# Names


def test_check_spec_names_both_tables_in_their_fields() -> None:
    """The error shows which of the two names is wrong."""
    assert refusal(batch(source=table("a/b"))) == (
        "source.tableName 'a/b' contains '/', which Polaris refuses. Write 'a_b', for example."
    )
    assert refusal(batch(target=table("a/b"))) == (
        "target.tableName 'a/b' contains '/', which Polaris refuses. Write 'a_b', for example."
    )
