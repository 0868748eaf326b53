# SPDX-License-Identifier: Apache-2.0
"""An ingestion statement is refused where a batch job would be."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.sql.ingestion.statement import read_statement
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.jobs.validation.statement import StatementFacts, check_statement, tables_of

DAY_1 = Interval.parse("2024-01-01/P1D")


def replacing(start: str, end: str, where: str = "", partitioned_by: str = "DAY") -> str:
    return (
        f"REPLACE INTO t OVERWRITE WHERE __time >= TIMESTAMP '{start}' AND __time < TIMESTAMP '{end}' "
        f"SELECT __time, a FROM raw {where} PARTITIONED BY {partitioned_by}"
    )


DAY = replacing("2024-01-01", "2024-01-02")
HOURS = replacing("2024-01-01 01:00:00", "2024-01-01 03:00:00", partitioned_by="HOUR")


@pytest.mark.parametrize(
    ("query", "facts"),
    [
        (DAY, {}),
        (DAY, {"target": TableDescription("t", "detail", Granularity.DAY), "interval": DAY_1}),
        (DAY, {"target_known_absent": True, "creates_target": True}),
        (DAY, {"target": TableDescription("t", "detail", Granularity.HOUR)}),
        (HOURS, {"target": TableDescription("t", "detail", Granularity.DAY), "allow_finer_partitions": True}),
        (DAY, {"source_tables": ["raw", "other"]}),
        (replacing("2024-01-01", "2024-01-02", "WHERE __time >= TIMESTAMP '2024-01-01' AND a = 1"), {}),
        ("REPLACE INTO raw OVERWRITE ALL SELECT * FROM raw PARTITIONED BY DAY", {}),
        ("INSERT INTO t SELECT * FROM raw PARTITIONED BY DAY", {}),
        ("INSERT INTO raw SELECT * FROM raw PARTITIONED BY DAY", {"allow_self_append": True}),
    ],
)
def test_a_statement_that_does_no_harm_passes(query: str, facts: dict[str, Any]) -> None:
    """Aligned, of the wanted interval, with a target that exists or that the job creates."""
    check_statement(read_statement(query), StatementFacts(**facts))


@pytest.mark.parametrize(
    ("query", "facts", "message"),
    [
        (
            DAY,
            {"target_known_absent": True},
            (
                "target table 't' of sql does not exist, and create_table_if_not_exists is "
                "False. Set it to True, or create the table first."
            ),
        ),
        (
            DAY,
            {"target": TableDescription("t", "detail", availability="DELETING")},
            (
                "target table 't' of sql is "
                "'DELETING': what the job writes would be deleted too. Wait until it is deleted, then create it again."
            ),
        ),
        (
            DAY,
            {"target": TableDescription("t", "detail", None)},
            (
                "target table 't' of sql has a time partitioning that this package does not support. OVERWRITE WHERE "
                "might erase more data than it names. Install a newer version of this package."
            ),
        ),
        (
            DAY,
            {"target": TableDescription("t", "detail", Granularity.MONTH)},
            (
                f"sql replaces '{DAY_1}', which does not fall on 'month' boundaries (the partitioning of table 't'): "
                "the service replaces whole partitions, so it would refuse, or erase rows that the interval doesn't "
                "name. Use '2024-01-01T00:00:00.000Z/2024-02-01T00:00:00.000Z', the nearest aligned interval. Or "
                "pass allow_finer_partitions=True, if the table holds no segments coarser than 'day' there: those "
                "would be erased whole."
            ),
        ),
        (
            replacing("2024-01-01", "2024-01-02", partitioned_by="MONTH"),
            {},
            (
                f"sql replaces '{DAY_1}', which does not fall on 'month' boundaries (PARTITIONED BY of sql): the "
                "service replaces whole partitions, so it would refuse, or erase rows that the interval doesn't "
                "name. Use '2024-01-01T00:00:00.000Z/2024-02-01T00:00:00.000Z', the nearest aligned interval."
            ),
        ),
        (
            replacing("2024-01-01", "2024-01-02", partitioned_by="ALL"),
            {},
            (
                f"sql replaces '{DAY_1}', which can't be "
                "replaced by itself: with granularity 'all' (PARTITIONED BY of sql) the table is one partition. Write "
                "OVERWRITE ALL, or partition by time."
            ),
        ),
        (
            DAY,
            {"interval": Interval.parse("2024-01-02/P1D")},
            (
                f"sql replaces '{DAY_1}', and the task's interval is "
                "'2024-01-02T00:00:00.000Z/2024-01-03T00:00:00.000Z'. Write OVERWRITE WHERE {{ "
                "macros.polaris.within(data_interval_start, data_interval_end) }}, or change interval."
            ),
        ),
        (
            "REPLACE INTO t OVERWRITE ALL SELECT * FROM raw PARTITIONED BY DAY",
            {"interval": DAY_1},
            (
                "sql replaces all of "
                f"time, and the task's interval is '{DAY_1}'. Write OVERWRITE WHERE {{{{ "
                "macros.polaris.within(data_interval_start, data_interval_end) }}, or change interval."
            ),
        ),
        (
            "INSERT INTO t SELECT * FROM raw PARTITIONED BY DAY",
            {"interval": DAY_1},
            (
                f"interval '{DAY_1}' has no effect on "
                "an INSERT, which replaces nothing. Write REPLACE INTO ... OVERWRITE WHERE, or omit interval."
            ),
        ),
        (
            "INSERT INTO raw SELECT r.* FROM u JOIN raw r ON u.a = r.a PARTITIONED BY DAY",
            {},
            (
                "sql reads table 'raw', which is also the target: INSERT would double its rows. Write REPLACE, or "
                "pass allow_self_append=True if that is what you mean."
            ),
        ),
        (
            replacing("2024-01-01", "2024-01-03", "WHERE __time >= TIMESTAMP '2024-01-02'"),
            {},
            (
                "sql replaces '2024-01-01T00:00:00.000Z/2024-01-03T00:00:00.000Z' and reads only "
                "'2024-01-02T00:00:00.000Z/5000-01-01T00:00:00.000Z' of table 'raw': rows that it does not read would "
                "be erased. Use the same interval in OVERWRITE WHERE and in the WHERE of the SELECT."
            ),
        ),
        (
            "INSERT INTO t SELECT a FROM sys.tasks PARTITIONED BY DAY",
            {},
            (
                "sql has a SELECT that this package can't analyze, so the tables that it reads are unknown. Name them "
                "with source_tables=[...]; the service still checks the SQL."
            ),
        ),
        (
            DAY,
            {"source_tables": ["other"]},
            ("source_tables ['other'] lacks 'raw', which sql reads. Add it, or omit source_tables."),
        ),
    ],
)
def test_a_statement_that_would_fail_or_do_harm_is_refused(query: str, facts: dict[str, Any], message: str) -> None:
    """The message gives the value, the rule and the fix."""
    with pytest.raises(PolarisSpecError) as error:
        check_statement(read_statement(query), StatementFacts(**facts))
    assert str(error.value) == message


def test_the_argument_names_the_tables_of_a_select_that_cannot_be_read() -> None:
    """Each once, sorted."""
    statement = read_statement("INSERT INTO t SELECT a FROM sys.tasks PARTITIONED BY DAY")
    assert tables_of(statement, ["u", "raw", "u"]) == ("raw", "u")
