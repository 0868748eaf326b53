# SPDX-License-Identifier: Apache-2.0
"""The fixture ``polaris_emulator`` in tests of users."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading

import pytest
import uvicorn

from airflow_provider_polaris import testing
from airflow_provider_polaris.emulator.data_loading.row_files import LoadError
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.testing import PolarisEmulator
from tests.dag_store import BUILD_NEWEST_API_ONLY
from tests.emulator.testing.client import BARE, EVENTS, ROLLUP, ask, submit

pytest_plugins = ["pytester"]

MY_DAGS = """
from datetime import datetime, timezone

from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator

every_day = CronDataIntervalTimetable("0 0 * * *", timezone="UTC")
with DAG("hourly", schedule=every_day, start_date=datetime(2024, 6, 1, tzinfo=timezone.utc)) as my_dag:
    PolarisTableToTableOperator(
        task_id="rollup",
        source_table="events",
        target_table="events_hourly",
        create_table_if_not_exists=True,
        rollup_granularity="hour",
        measures={"events": "COUNT(*)"},
    )
"""


def _status(emulator: PolarisEmulator, job_id: str) -> str:
    return ask(emulator, "GET", f"/jobs/{job_id}/status")[1]["executionStatus"]


def test_fixture_answers_at_the_connection_that_airflow_finds(polaris_emulator) -> None:
    """The variable of the default connection points to it."""
    assert json.loads(os.environ["AIRFLOW_CONN_POLARIS_DEFAULT"]) == polaris_emulator.connection
    assert polaris_emulator.connection["host"] == polaris_emulator.url
    assert ask(polaris_emulator, "GET", "/jobs") == (200, {"values": [], "moreResultsAvailable": False})


def test_fixture_runs_jobs_over_what_it_loaded(polaris_emulator) -> None:
    """Load, submit, wait, query: the shortest test of a rollup."""
    assert polaris_emulator.load("events", EVENTS) == 3
    job_id = submit(polaris_emulator)
    assert _status(polaris_emulator, job_id) == "completed"
    assert polaris_emulator.query('SELECT "__time", "events" FROM "hourly"') == [
        {"__time": "2024-06-01T00:00:00.000Z", "events": 3}
    ]
    assert polaris_emulator.table("hourly")["totalRows"] == 1
    assert [job["type"] for job in polaris_emulator.jobs()] == ["batch", "batch"]
    (job,) = polaris_emulator.jobs("hourly")
    assert (job["id"], job["executionStatus"], job["source"]["tableName"]) == (job_id, "completed", "events")


@pytest.mark.parametrize(
    "look",
    [
        lambda emulator: emulator.query('SELECT COUNT(*) AS "n" FROM "hourly"') == [{"n": 1}],
        lambda emulator: emulator.table("hourly")["totalRows"] == 1,
        lambda emulator: emulator.jobs("hourly")[0]["executionStatus"] == "completed",
    ],
    ids=["query", "table", "jobs"],
)
def test_fixture_sees_what_a_job_did_that_nobody_polled(polaris_emulator, look) -> None:
    """A DAG that doesn't wait for its job is tested as any other."""
    polaris_emulator.load("events", EVENTS)
    submit(polaris_emulator)
    assert look(polaris_emulator)


def test_fixture_loads_files_and_appends_unless_told_otherwise(polaris_emulator, tmp_path) -> None:
    """A path may be a string or a Path."""
    path = tmp_path / "events.csv"
    path.write_text("timestamp,n\n2024-06-01,1\n")
    polaris_emulator.load("events", path)
    polaris_emulator.load("events", str(path))
    assert polaris_emulator.query('SELECT SUM("n") AS "n" FROM "events"') == [{"n": 2}]
    polaris_emulator.load("events", EVENTS, mode="replace")
    assert polaris_emulator.query('SELECT COUNT(*) AS "n" FROM "events"') == [{"n": 3}]


def test_fixture_has_nothing_of_the_test_before(polaris_emulator) -> None:
    """Each test has its own emulator."""
    assert (polaris_emulator.table("events"), polaris_emulator.jobs()) == (None, [])


@pytest.mark.polaris_emulator(progression="polls=3")
def test_fixture_looks_without_counting_as_a_look(polaris_emulator) -> None:
    """Three polls of the client end the job, independent of reads by the test."""
    polaris_emulator.load("events", EVENTS)
    job_id = submit(polaris_emulator)
    seen = []
    for _ in range(3):
        seen.append(_status(polaris_emulator, job_id))
        for _ in range(5):
            assert polaris_emulator.jobs("hourly")[0]["executionStatus"] == seen[-1]
            polaris_emulator.table("hourly")
            polaris_emulator.query('SELECT COUNT(*) AS "n" FROM "events"')
    assert seen == ["running", "running", "completed"]


def test_fixture_holds_jobs_and_lets_them_go(polaris_emulator) -> None:
    """A held job shows the given status."""
    polaris_emulator.load("events", EVENTS)
    polaris_emulator.hold()
    job_id = submit(polaris_emulator)
    assert [_status(polaris_emulator, job_id) for _ in range(3)] == ["running"] * 3
    polaris_emulator.hold("unknown")
    assert _status(polaris_emulator, job_id) == "unknown"
    polaris_emulator.release()
    assert _status(polaris_emulator, job_id) == "completed"


def test_fixture_faults_strike_and_are_forgotten(polaris_emulator) -> None:
    """A fault rejects the next two jobs; it is cleared after the first."""
    polaris_emulator.load("events", EVENTS)
    polaris_emulator.fault("status", method="POST", path="/jobs$", status=429, retry_after="7", times=2)
    assert ask(polaris_emulator, "POST", "/jobs", ROLLUP)[0] == 429
    polaris_emulator.hold()
    polaris_emulator.clear_faults()
    assert _status(polaris_emulator, submit(polaris_emulator)) == "completed"


@pytest.mark.polaris_emulator(assume={"unknown_context": "refuse"}, conn_id="polaris_eu")
def test_fixture_marker_sets_assumptions_and_connection(polaris_emulator, monkeypatch) -> None:
    """The connection has the id that the DAG names, and the other one is not set."""
    polaris_emulator.load("events", EVENTS)
    status, answer = ask(polaris_emulator, "POST", "/jobs", {**ROLLUP, "context": {"mine": 1}})
    assert (status, answer["target"]) == (400, "context.mine")
    assert json.loads(os.environ["AIRFLOW_CONN_POLARIS_EU"]) == polaris_emulator.connection
    assert "AIRFLOW_CONN_POLARIS_DEFAULT" not in os.environ


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda emulator: emulator.fault("explode"),
            ValueError,
            (
                "fault 'explode': field 'effect' has the value 'explode': Input should be 'drop_reply', 'status', "
                "'latency', 'hide_job' or 'job_status'."
            ),
        ),
        (
            lambda emulator: emulator.fault("status", job_status="running"),
            ValueError,
            "fault 'status': field 'jobStatus' is not used by the effect 'status'.",
        ),
        (
            lambda emulator: emulator.query('SELECT * FROM "nothing"'),
            ValueError,
            "query 'SELECT * FROM \"nothing\"' can't be answered: Object 'nothing' not found",
        ),
        (
            lambda emulator: emulator.load("events", []),
            LoadError,
            "the data for table 'events' holds no rows: there is nothing to load.",
        ),
    ],
)
def test_fixture_says_what_is_wrong_in_one_sentence(polaris_emulator, act, error, message) -> None:
    """The traceback of a mistake ends at the line of the test."""
    with pytest.raises(error) as caught:
        act(polaris_emulator)
    assert str(caught.value) == message


def test_plugin_loads_nothing_before_a_test_asks_for_the_fixture() -> None:
    """Every run of pytest imports it if the package is installed."""
    code = (
        "import sys, pytest; before = set(sys.modules); import airflow_provider_polaris.testing;"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["airflow_provider_polaris", "airflow_provider_polaris.testing"]


def test_plugin_gives_the_class_for_annotations_and_nothing_else() -> None:
    """A missing name raises the usual AttributeError."""
    assert PolarisEmulator.__module__ == "airflow_provider_polaris.emulator.testing.fixture"
    with pytest.raises(AttributeError, match="has no attribute 'Polaris'"):
        testing.Polaris  # noqa: B018


def _example() -> str:
    """The example of the module's docstring."""
    block = re.search(r"code-block:: python\n\n(.*?)\n\n[^ ]", testing.__doc__, re.DOTALL)[1]
    return "\n".join(line[4:] for line in block.splitlines()) + "\n"


@pytest.mark.dag
@pytest.mark.skipif(AIRFLOW_VERSION < (3, 0), reason="Airflow 2 calls the argument execution_date")
def test_example_of_the_docstring_runs_under_pytest_socket(pytester, monkeypatch) -> None:
    """The module's own text and a real DAG, in a pytest with the fixture's entry point and without a network."""
    dags = pytester.mkdir("dags")
    monkeypatch.setenv("AIRFLOW_HOME", str(pytester.path))
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(dags))
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{pytester.path}/airflow.db")
    pytester.makeini("[pytest]\naddopts = --disable-socket --allow-hosts=127.0.0.1 --strict-markers\npythonpath = dags")
    pytester.makeconftest(f"from airflow.utils.db import initdb\n\ninitdb()\n{BUILD_NEWEST_API_ONLY}")
    (dags / "my_dags.py").write_text(MY_DAGS)
    pytester.makepyfile(
        test_example=f"from datetime import datetime, timezone\n\nfrom my_dags import my_dag\n\n\n{_example()}",
    )
    result = pytester.runpytest_subprocess(*BARE)
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        (
            "progression='fast'",
            (
                "marker 'polaris_emulator': progression 'fast' is not one of 'immediate', 'polls=N' (N a whole number "
                "from 1) and 'seconds=S' (S a positive number)."
            ),
        ),
        (
            "speed=3",
            (
                "marker 'polaris_emulator' has no option 'speed': its options are progression, assume, conn_id, as "
                "keyword arguments."
            ),
        ),
        (
            "'polls=2'",
            (
                "marker 'polaris_emulator' has no option 'polls=2': its options are progression, assume, conn_id, as "
                "keyword arguments."
            ),
        ),
    ],
)
def test_marker_that_makes_no_sense_is_one_sentence(pytester, marker, message) -> None:
    """The test fails in setup, without a traceback of the fixture."""
    pytester.makepyfile(
        f"import pytest\n@pytest.mark.polaris_emulator({marker})\ndef test_it(polaris_emulator):\n    raise KeyError\n"
    )
    result = pytester.runpytest_inprocess(*BARE)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message.replace("[", "[[]")])
    result.stdout.no_fnmatch_line("*testing.py*")


def test_missing_extra_is_one_sentence(pytester) -> None:
    """The message has the install command."""
    pytester.makeconftest("import sys\nsys.modules['duckdb'] = None\n")
    pytester.makepyfile("def test_it(polaris_emulator):\n    raise KeyError\n")
    result = pytester.runpytest_subprocess(*BARE)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            (
                "the fixture 'polaris_emulator' needs 'duckdb', which is not installed. "
                "Run: pip install 'airflow-provider-polaris[[]emulator]'"
            )
        ]
    )


def test_missing_module_of_the_package_is_not_taken_for_a_missing_extra(pytester) -> None:
    """Installing an extra would not help; the traceback names the module."""
    pytester.makeconftest("import sys\nsys.modules['airflow_provider_polaris.emulator.testing.fixture'] = None\n")
    pytester.makepyfile("def test_it(polaris_emulator):\n    raise KeyError\n")
    result = pytester.runpytest_subprocess(*BARE)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E * ModuleNotFoundError: *airflow_provider_polaris.emulator.testing.fixture*"])


def test_marker_of_a_test_wins_over_that_of_its_module(pytester) -> None:
    """Options are merged one by one."""
    pytester.makepyfile(
        """
        import json, os, urllib.request
        import pytest
        pytestmark = pytest.mark.polaris_emulator(progression="polls=2", conn_id="mine")
        @pytest.mark.polaris_emulator(progression="polls=7")
        def test_it(polaris_emulator):
            with urllib.request.urlopen(polaris_emulator.url + "/__emulator__/health") as answer:
                assert json.loads(answer.read())["progression"] == "polls=7"
            assert "AIRFLOW_CONN_MINE" in os.environ
        """
    )
    pytester.runpytest_inprocess(*BARE).assert_outcomes(passed=1)


def test_fixture_leaves_nothing_behind(pytester) -> None:
    """Port and variable are released after the test, the thread after all tests, also after a failure."""
    others = set(threading.enumerate())
    pytester.makepyfile(
        """
        import os, socket
        from pathlib import Path
        import pytest
        def test_it(polaris_emulator):
            Path("url").write_text(polaris_emulator.url)
            raise KeyError
        def test_afterwards():
            assert "AIRFLOW_CONN_POLARIS_DEFAULT" not in os.environ
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", int(Path("url").read_text().rpartition(":")[2])), timeout=60)
        """
    )
    pytester.runpytest_inprocess(*BARE).assert_outcomes(failed=1, passed=1)
    assert "polaris-emulator" not in {thread.name for thread in threading.enumerate() if thread not in others}


def test_fixture_starts_one_server_for_all_tests_of_a_session(pytester, monkeypatch) -> None:
    """Each has its own state, port and options, and a test without the fixture starts none."""
    started = []
    startup = uvicorn.Server.startup

    async def count(server, sockets=None):
        started.append(server)
        await startup(server, sockets)

    monkeypatch.setattr(uvicorn.Server, "startup", count)
    pytester.makepyfile(test_a="def test_without():\n    pass\n")
    pytester.runpytest_inprocess(*BARE).assert_outcomes(passed=1)
    assert started == []

    pytester.makepyfile(
        test_b="""
        import json, os, threading, urllib.request
        import pytest
        seen = []
        others = set(threading.enumerate())
        def thread():
            new = set(threading.enumerate()) - others
            (found,) = (each for each in new if each.name == "polaris-emulator")
            return found
        @pytest.mark.parametrize("number", range(5))
        def test_state(polaris_emulator, number):
            assert polaris_emulator.jobs() == []
            polaris_emulator.load("events", [{"__time": 0}])
            polaris_emulator.fault("status", times=None)
            polaris_emulator.hold()
            seen.append((polaris_emulator.url, thread()))
        @pytest.mark.polaris_emulator(progression="polls=7", conn_id="mine")
        def test_options(polaris_emulator):
            with urllib.request.urlopen(polaris_emulator.url + "/__emulator__/health") as answer:
                assert json.loads(answer.read())["progression"] == "polls=7"
            assert json.loads(os.environ["AIRFLOW_CONN_MINE"])["host"] == polaris_emulator.url
            seen.append((polaris_emulator.url, thread()))
        """,
        test_c="""
        import test_b
        def test_of_another_module(polaris_emulator):
            assert polaris_emulator.report() == "no job was submitted"
            urls, threads = zip(*test_b.seen, (polaris_emulator.url, test_b.thread()))
            assert len(set(urls)) == 7
            assert len(set(threads)) == 1
        """,
    )
    pytester.runpytest_inprocess(*BARE).assert_outcomes(passed=8)
    assert len(started) == 1


def test_fixture_hears_nothing_of_the_test_before(pytester) -> None:
    """A kept-alive connection and a thread that continues to send requests end with their test."""
    pytester.makepyfile(
        """
        import http.client
        import pytest
        left = []
        def ask(emulator, connection):
            connection.request("POST", f"/v1/projects/{emulator.connection['extra']['project_id']}/tables", b"{}",
                {"Authorization": f"Basic {emulator.connection['password']}", "Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        def test_first(polaris_emulator):
            port = int(polaris_emulator.url.rpartition(":")[2])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            left.extend((polaris_emulator, connection))
            assert ask(*left)[0] == 400
            assert connection.sock is not None
        def test_second(polaris_emulator):
            emulator, connection = left
            for _ in range(2):  # on the connection that was kept alive, then on a new one
                with pytest.raises(OSError):
                    ask(emulator, connection)
                connection.close()
            assert polaris_emulator._emulator.faults.requests() == {}
            assert polaris_emulator.report() == "no job was submitted"
        """
    )
    pytester.runpytest_inprocess(*BARE).assert_outcomes(passed=2)
