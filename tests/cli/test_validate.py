# SPDX-License-Identifier: Apache-2.0
"""``validate``: job specs in files, with or without templates."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.emulator.testing.client import ROLLUP

BAD = {**ROLLUP, "ingestionMode": "replace"}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a file into the working directory; values that aren't text are written as JSON."""
    monkeypatch.chdir(tmp_path)

    def write(name, content) -> str:
        Path(name).write_bytes(
            content
            if isinstance(content, bytes)
            else (content if isinstance(content, str) else json.dumps(content)).encode()
        )
        return name

    return write


def test_validate_of_a_right_spec_needs_no_connection(write, run) -> None:
    """The message names type and table."""
    done = run("validate", write("job.json", ROLLUP))
    assert (done.code, done.out, done.err) == (0, "job.json: a valid batch job for table 'hourly'.\n", "")


def test_validate_of_several_files_says_something_about_each(write, run) -> None:
    """One invalid file results in exit code 1, with its error on stderr; the other files are still checked."""
    sql = {"type": "sql", "query": "INSERT INTO t SELECT 1 PARTITIONED BY DAY"}
    done = run("validate", write("a.json", BAD), write("b.json", ROLLUP), write("c.json", sql))
    assert (done.code, done.out) == (1, "b.json: a valid batch job for table 'hourly'.\nc.json: a valid sql job.\n")
    assert done.err == (
        "a.json: target.intervals is missing or empty, and ingestionMode 'replace' needs the intervals to replace. "
        "Name the intervals. Set replaceAll to true only to discard all other data of the table.\n"
    )


def test_validate_of_a_statement_says_what_it_does(write, run) -> None:
    """Of a file for PolarisSqlJobOperator, with the macro for its interval."""
    sql = (
        "REPLACE INTO t OVERWRITE WHERE {{ macros.polaris.within(data_interval_start, data_interval_end) }} "
        "SELECT * FROM a JOIN b ON a.x = b.x PARTITIONED BY {part}"
    )
    names = [write(f"{part}.sql", sql.replace("{part}", part)) for part in ("DAY", "MONTH")]
    names.append(write("insert.sql", "INSERT INTO t SELECT a FROM sys.tasks PARTITIONED BY ALL;"))
    done = run("validate", "--interval", "2024-06-01/P1D", *names)
    day = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
    assert (done.code, done.out) == (
        1,
        (
            f"DAY.sql: a valid REPLACE into table 't' that overwrites {day}, partitioned by day, from 'a', 'b', with "
            f"its templates rendered for the data interval {day}.\ninsert.sql: a valid INSERT into table 't', "
            "partitioned by all, from tables that can't be determined.\n"
        ),
    )
    assert done.err.startswith(f"MONTH.sql: sql replaces '{day}', which does not fall on 'month' boundaries")


def test_validate_as_json_lists_all_files(write, run) -> None:
    """For programs."""
    done = run("validate", write("a.json", ROLLUP), "missing.json", "-o", "json")
    assert (done.code, done.err) == (1, "")
    assert json.loads(done.out) == [
        {"file": "a.json", "valid": True, "message": "a valid batch job for table 'hourly'."},
        {
            "file": "missing.json",
            "valid": False,
            "message": "it can't be read: No such file or directory. Check the path.",
        },
    ]


def test_validate_reads_standard_input(monkeypatch, run) -> None:
    """A dash means standard input, not a file."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(ROLLUP)))
    assert run("validate", "-").out == "-: a valid batch job for table 'hourly'.\n"


def test_validate_fills_templates_in(write, run) -> None:
    """With a data interval and derived values, macros and params; the result names the interval."""
    spec = {
        **ROLLUP,
        "ingestionMode": "replace",
        "partitionedBy": "day",
        "source": {
            "type": "table",
            "tableName": "{{ params.source }}",
            "interval": "{{ data_interval_start }}/{{ data_interval_end }}",
        },
        "target": {
            "type": "table",
            "tableName": "hourly_{{ ds_nodash }}",
            "intervals": ["{{ macros.polaris.interval(ds, 'P1D') }}"],
        },
    }
    name = write("job.json", spec)
    done = run("validate", name, "--interval", "2025-03-04/2025-03-05", "--param", "source=events")
    assert (done.err, done.out, done.code) == (
        "",
        (
            "job.json: a valid batch job for table 'hourly_20250304', with its templates rendered for the data "
            "interval 2025-03-04T00:00:00.000Z/2025-03-05T00:00:00.000Z.\n"
        ),
        0,
    )
    done = run("validate", name, "--interval", "2025-03-04T05:00Z/2025-03-05T05:00Z", "--param", "source=events")
    assert done.code == 1
    assert done.err.startswith("job.json: ")
    assert "2025-03-04T00:00:00.000Z" in done.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "it is not JSON: Expecting property name enclosed in double quotes at line 1 column 2."),
        ("[]", "job spec [] is a list, not an object. Write it as {'type': 'batch', ...}."),
        (b"\xff", "it is not UTF-8: invalid start byte at byte 0. Convert it, for example with iconv."),
        (
            {"type": "streaming"},
            ("type 'streaming' is a job that never ends, so no task can wait for it. Start it in the Polaris console."),
        ),
        (
            '{"type": "{{ ti.task_id }}"}',
            (
                "a template can't be rendered: 'ti' is undefined. The available names are data_interval_end, "
                "data_interval_start, ds, ds_nodash, logical_date, macros, params, ts. Set params with --param "
                "NAME=VALUE."
            ),
        ),
        (
            '{"type": "{{ params.kind }}"}',
            (
                "a template can't be rendered: 'dict object' has no attribute 'kind'. The available names are "
                "data_interval_end, data_interval_start, ds, ds_nodash, logical_date, macros, params, ts. Set params "
                "with --param NAME=VALUE."
            ),
        ),
        (
            '{"type": "{{ macros.polaris.floor(ds, "century") }}"}',
            (
                "granularity 'century' is not a granularity of Polaris. Use one of millisecond, second, minute, "
                "five_minute, ten_minute, fifteen_minute, thirty_minute, hour, six_hour, eight_hour, day, week, month, "
                "quarter, year, all, or the ISO 8601 period of one, such as 'PT1H'."
            ),
        ),
    ],
)
def test_validate_of_a_wrong_file_is_one_sentence(write, run, content, message) -> None:
    """The message gives the problem and the fix."""
    done = run("validate", write("job.json", content))
    assert (done.code, done.out, done.err) == (1, "", f"job.json: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--param", "x"], "--param 'x' is not of the form NAME=VALUE."),
        (
            ["--interval", "today"],
            (
                "--interval 'today' needs exactly one '/' between a start and an end. Write it as 'start/end' or "
                "'start/period', for example '2024-06-01/2024-06-02' or '2024-06-01/P1D'."
            ),
        ),
    ],
)
def test_validate_with_wrong_options_is_one_sentence(write, run, arguments, message) -> None:
    """The arguments are checked before any file is read."""
    done = run("validate", "none.json", *arguments)
    assert (done.code, done.out, done.err) == (1, "", f"polaris: {message}\n")
