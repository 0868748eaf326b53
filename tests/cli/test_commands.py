# SPDX-License-Identifier: Apache-2.0
"""``test``, ``jobs list``, ``jobs cancel`` and ``jobs sql``: output and exit codes."""

from __future__ import annotations

import json
import os
import re
import sys
import warnings

import pytest

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION

NONE = (
    "polaris: there is no connection 'nowhere'. Create it in Airflow's UI or with 'airflow connections add', set "
    "AIRFLOW_CONN_NOWHERE, or name another one with --conn-id.\n"
)


def test_test_of_a_connection_that_works_says_what_works(polaris_emulator, run) -> None:
    """The text of the Test button, on stdout."""
    done = run("test")
    project = polaris_emulator.connection["extra"]["project_id"]
    assert (done.code, done.err, done.out) == (
        0,
        "",
        (
            f"Reached project {project!r} at {polaris_emulator.url}: ManageIngestionJobs, ViewTables and AccessQueries "
            "work.\n"
        ),
    )


def test_test_with_a_wrong_key_fails_in_one_sentence(polaris_emulator, monkeypatch, run) -> None:
    """Exit code 1; nothing on stdout, and no key anywhere."""
    wrong = {**polaris_emulator.connection, "password": "pok_wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_POLARIS_DEFAULT", json.dumps(wrong))
    done = run("test")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("polaris: GET /v1/projects/")
    assert done.err.count("\n") == 1
    assert "pok_wrong" not in done.err
    done = run("test", "--output", "json")
    assert done.code == 1
    assert json.loads(done.out)["works"] is False


@pytest.mark.parametrize("arguments", [["test"], ["jobs", "list"], ["jobs", "watch", "x"], ["jobs", "sql", "x"]])
def test_connection_that_is_not_there_is_one_sentence(run, arguments) -> None:
    """Every command names the missing connection and how to create it."""
    done = run(*arguments, "--conn-id", "nowhere")
    assert (done.code, done.out, done.err) == (1, "", NONE)


def test_connection_that_is_not_complete_is_one_sentence(monkeypatch, run) -> None:
    """The error is the hook's error."""
    monkeypatch.setenv(
        "AIRFLOW_CONN_POLARIS_DEFAULT", json.dumps({"conn_type": "polaris", "host": "http://127.0.0.1:1"})
    )
    done = run("jobs", "list")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert done.err.startswith("polaris: ")
    assert "'polaris_default'" in done.err


def test_connection_in_airflows_database_is_found(polaris_emulator, monkeypatch, run) -> None:
    """Found where Airflow's own commands find it; the API that tasks use doesn't read these places."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = polaris_emulator.connection
        stored = Connection(
            "stored",
            "polaris",
            host=settings["host"],
            password=settings["password"],
            extra=json.dumps(settings["extra"]),
        )
        with create_session() as session:
            session.add(stored)
    monkeypatch.delenv("AIRFLOW_CONN_POLARIS_DEFAULT")
    done = run("jobs", "list", "--conn-id", "stored", "-o", "json")
    assert (done.code, json.loads(done.out), done.err) == (0, [], "")


def test_list_shows_the_newest_jobs_first(polaris_emulator, submit, run) -> None:
    """One line per job in aligned columns; a note states that there may be more."""
    rollup = submit()
    assert polaris_emulator.jobs("hourly")[0]["executionStatus"] == "completed"
    polaris_emulator.hold("pending")
    other = submit(target={"type": "table", "tableName": "b"})
    done = run("jobs", "list", "--limit", "2")
    header, first, second = done.out.splitlines()
    assert header.split() == ["ID", "TYPE", "TABLE", "STATUS", "HEALTH", "CREATED", "SECONDS", "MADE", "BY"]
    assert re.split(r" {2,}", first)[:5] == [other, "batch", "b", "pending", "ok"]
    assert re.split(r" {2,}", second)[:5] == [rollup, "batch", "hourly", "completed", "ok"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", re.split(r" {2,}", first)[5])
    assert (
        len({line.index(word) for line, word in ((header, "STATUS"), (first, "pending"), (second, "completed"))}) == 1
    )
    assert (done.code, done.err) == (0, "The newest 2; there may be more: raise --limit.\n")


def test_list_names_the_task_that_made_a_job(submit, run) -> None:
    """Read from each job, unless it isn't wanted; without a task, the user or key that the service names."""
    origin = {"dag": "koalas", "task": "rollup", "run": "manual__1\x1b[2J", "mapIndex": 3, "try": 2}
    submit(context={"airflowOrigin": origin})
    submit()
    header, other, made, _ = run("jobs", "list").out.splitlines()
    assert made[header.index("MADE BY") :] == "koalas.rollup[3] manual__1\ufffd[2J"
    assert other[header.index("MADE BY") :] == "api-key-pok_..."
    assert "koalas" not in run("jobs", "list", "--no-origin").out


def test_list_of_a_table_or_a_status_leaves_the_rest_out(submit, run) -> None:
    """Filters are combined with AND; JSON output is the answer of Polaris."""
    rollup = submit()
    listed = json.loads(run("jobs", "list", "--table", "hourly", "-o", "json").out)
    assert [(job["id"], job["target"]["tableName"]) for job in listed] == [(rollup, "hourly")]
    both = ["--status", "completed", "--status", "failed"]
    assert len(json.loads(run("jobs", "list", *both, "-o", "json").out)) == 2


def test_list_of_a_table_whose_name_deceives_is_refused(run) -> None:
    """Otherwise the printed name would differ from the requested one."""
    done = run("jobs", "list", "--table", "hour\u200bly")
    assert (done.code, done.out, done.err) == (
        1,
        "",
        (
            "polaris: --table 'hour\\u200bly' contains U+200B (ZERO WIDTH SPACE), which is invisible and makes the "
            "name look like another. Remove it.\n"
        ),
    )


def test_list_without_any_job_says_so(submit, run) -> None:
    """A header alone would be unclear; for programs, an empty list is an answer."""
    submit()
    done = run("jobs", "list", "--table", "nope")
    assert (done.code, done.out, done.err) == (0, "", "No jobs match.\n")
    done = run("jobs", "list", "--table", "nope", "-o", "json")
    assert (done.code, done.out, done.err) == (0, "[]\n", "")


def test_cancel_of_a_running_job_asks_for_it(polaris_emulator, submit, run) -> None:
    """The printed status is the one right after the request; the job ends as canceled."""
    polaris_emulator.hold()
    job_id = submit()
    done = run("jobs", "cancel", job_id)
    assert (done.code, done.err, done.out) == (
        0,
        "",
        f"Job {job_id!r} (batch into 'hourly') is to be canceled; its status is 'running'.\n",
    )
    assert "running (canceling)" in run("jobs", "list").out
    polaris_emulator.release()
    assert polaris_emulator.jobs("hourly")[0]["executionStatus"] == "canceled"


def test_cancel_says_who_made_the_job(polaris_emulator, submit, run) -> None:
    """It may be another person's."""
    polaris_emulator.hold()
    job_id = submit(context={"airflowOrigin": {"dag": "koalas", "task": "rollup", "run": "r"}})
    assert run("jobs", "cancel", job_id).out == (
        f"Job {job_id!r} (batch into 'hourly'), made by task 'rollup' of DAG 'koalas', run 'r', is to be canceled; its "
        "status is 'running'.\n"
    )


def test_cancel_of_a_job_that_has_ended_is_refused(submit, run) -> None:
    """No request is sent, and JSON output has no other shape for it."""
    job_id = submit()
    done = run("jobs", "cancel", job_id, "-o", "json")
    assert (done.code, done.out, done.err) == (
        1,
        "",
        (
            f"polaris: Job {job_id!r} (batch into 'hourly') has ended: it is 'completed', so there is nothing "
            "to cancel.\n"
        ),
    )


def test_sql_of_a_job_is_what_polaris_shows(polaris_emulator, submit, run) -> None:
    """As text and as JSON."""
    job_id = submit()
    query = polaris_emulator.jobs("hourly")[0]["query"]
    assert run("jobs", "sql", job_id).out == f"{query}\n"
    assert json.loads(run("jobs", "sql", job_id, "-o", "json").out) == {"id": job_id, "sql": query}


def test_sql_of_a_job_without_any_is_refused(polaris_emulator, run) -> None:
    """Druid SQL has no DROP."""
    from airflow_provider_polaris.hooks.polaris import PolarisHook

    polaris_emulator.load("events", [{"__time": 0}])
    hook = PolarisHook()
    job_id = hook.submit_job({"type": "drop_table", "target": {"type": "table", "tableName": "events"}})["id"]
    hook.close()
    done = run("jobs", "sql", job_id)
    assert (done.code, done.out, done.err) == (
        1,
        "",
        (f"polaris: Job {job_id!r} (drop_table of 'events') has no SQL: Druid SQL has no equivalent statement.\n"),
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["jobs", "list", "--limit", "0"], "argument --limit: '0' is not a whole number of at least 1"),
        (["jobs", "watch", "x", "--timeout", "-1"], "argument --timeout: '-1' is not a positive number"),
        (["jobs", "watch", "x", "--poll-interval", "nan"], "argument --poll-interval: 'nan' is not a positive number"),
        (["jobs", "watch"], "the following arguments are required: JOB_ID"),
        (["jobs"], "the following arguments are required: COMMAND"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_arguments_that_make_no_sense_exit_with_2(run, arguments, message) -> None:
    """As in argparse: usage and the reason."""
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].partition("error: ")[2] == message


def test_help_names_every_command_and_fits_a_terminal(monkeypatch, run) -> None:
    """Each error is one line."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line for words in ([], ["jobs"]) for line in run(*words, "--help").out.splitlines()]
    assert [line.split()[0] for line in lines if line.startswith("    ")] == [
        "test",
        "validate",
        "explain",
        "jobs",
        "list",
        "watch",
        "cancel",
        "sql",
    ]
    assert max(map(len, lines)) <= 80


def test_log_of_airflow_does_not_get_into_the_result(polaris_emulator, monkeypatch, run) -> None:
    """Output of a library while a command runs goes to stderr."""
    from airflow_provider_polaris.cli import connection

    original = connection.connection_of_commands

    def talkative(conn_id):
        print("INFO - using a connection")
        return original(conn_id)

    monkeypatch.setattr(connection, "connection_of_commands", talkative)
    done = run("jobs", "list", "-o", "json")
    assert (json.loads(done.out), done.err) == ([], "INFO - using a connection\n")


def test_reader_that_has_seen_enough_is_no_error(polaris_emulator, monkeypatch, tmp_path, capfd) -> None:
    """``| head`` closes the pipe: no traceback, not even when Python flushes at exit."""
    from airflow_provider_polaris.cli import main

    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["jobs", "list", "-o", "json"]) == 1
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 2), reason="Airflow asks providers for commands since 3.2")
def test_airflow_has_the_same_commands() -> None:
    """Its own parser parses the same arguments into the same names, and a failure ends the process."""
    from airflow.cli.cli_parser import get_parser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parser = get_parser()
    arguments = parser.parse_args(
        ["polaris", "jobs", "list", "--conn-id", "nowhere", "--status", "running", "-o", "json"]
    )
    assert (arguments.conn_id, arguments.status, arguments.output, arguments.limit) == (
        "nowhere",
        ["running"],
        "json",
        25,
    )
    with pytest.raises(SystemExit) as stop:
        arguments.func(arguments)
    assert stop.value.code == 1
