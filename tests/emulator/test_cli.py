# SPDX-License-Identifier: Apache-2.0
"""The command line: its output, its errors and its shutdown."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from airflow_provider_polaris import emulator
from airflow_provider_polaris.emulator import cli
from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.settings import EmulatorSettings


def _refused(capsys, *arguments):
    """Run the command line in this process and return its exit code and output."""
    try:
        code = cli.main(list(arguments))
    except SystemExit as stop:
        code = stop.code
    printed = capsys.readouterr()
    assert printed.out == ""
    return code, printed.err.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_process_prints_a_connection_that_works_and_stops_cleanly(number, tmp_path) -> None:
    """Port 0 selects a real port; SIGINT and SIGTERM end with exit code 0, without a traceback, the database closed."""
    db = tmp_path / "it's.db"
    command = [sys.executable, "-m", "airflow_provider_polaris.emulator", "--port", "0", "--db", str(db)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = [process.stdout.readline() for _ in range(4)]
        script = f'{lines[3]}printf %s "$AIRFLOW_CONN_POLARIS_DEFAULT"'
        shell = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        connection = json.loads(shell.stdout)
        assert connection["conn_type"] == "polaris"
        assert connection["extra"]["auth"] == "api_key"
        pattern = f"{connection['host']}/__emulator__/console/{{job_id}}/{{table}}"
        assert connection["extra"]["console_url"] == pattern
        url = f"{connection['host']}/v1/projects/{connection['extra']['project_id']}/jobs"
        headers = {"Authorization": f"Basic {connection['password']}"}
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=120) as response:
            assert json.loads(response.read()) == {"values": [], "moreResultsAvailable": False}
        assert lines[0].startswith(f"Polaris emulator on {connection['host']}, project ")
        assert lines[1] == f"Tables and jobs: {connection['host']}/__emulator__/\n"
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["it's.db"]


def test_process_has_loaded_everything_when_it_says_that_it_is_ready(tmp_path) -> None:
    """The loads of --load and --seed-demo are printed first and are complete at the first request, as jobs."""
    (tmp_path / "events=1.csv").write_text("timestamp,n\n2024-06-01T00:00:00Z,1\n2024-06-02T00:00:00Z,2\n")
    arguments = ["--port", "0", "--progression", "seconds=3600", "--seed-demo", "--load", "events=events=1.csv"]
    command = [sys.executable, "-m", "airflow_provider_polaris.emulator", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        lines = [process.stdout.readline() for _ in range(3)]
        url = re.search(r"http://[0-9.:]+", lines[2])[0] + "/v1/projects/00000000-0000-4000-8000-000000000001"
        found = {}
        for path in ("tables", "jobs"):
            request = urllib.request.Request(f"{url}/{path}", headers={"Authorization": "Basic pok_emulator"})
            with urllib.request.urlopen(request, timeout=120) as response:
                found[path] = json.loads(response.read())["values"]
    finally:
        process.terminate()
        process.communicate(timeout=300)
    assert {table["name"]: table["totalRows"] for table in found["tables"]} == {"Koalas Source": 100_000, "events": 2}
    ids = [job["id"] for job in reversed(found["jobs"])]
    assert lines[:2] == [
        f"Loaded 100,000 rows into 'Koalas Source' by job {ids[0]}.\n",
        f"Loaded 2 rows into 'events' by job {ids[1]}.\n",
    ]


def test_file_that_can_not_be_loaded_is_one_sentence(capsys, tmp_path) -> None:
    """Exit code 1, file and line; nothing is served, and the database is closed."""
    path = tmp_path / "events.json"
    path.write_text('{"__time": 0}\n{"__time": "soon"}\n')
    db = tmp_path / "polaris.db"
    code, message = _refused(capsys, "--port", "0", "--db", str(db), "--load", f"events={path}")
    assert (code, message) == (
        1,
        (
            f"polaris-emulator: file {str(path)!r}, line 2: column '__time' is 'soon', which is not a time. Write ISO "
            "8601, such as '2024-06-01T00:00:00Z', or milliseconds since 1970."
        ),
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.json", "polaris.db"]


def test_port_that_is_taken_is_one_sentence(capsys) -> None:
    """Exit code 1; the message has host, port and fix."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert _refused(capsys, "--port", str(port)) == (
            1,
            (
                f"polaris-emulator: can't listen on '127.0.0.1' port {port}: Address already in use. "
                "Stop the process that uses the port, or choose another port with --port."
            ),
        )


def test_host_that_is_not_ours_is_one_sentence(capsys) -> None:
    """The emulator can't listen on an address of another machine."""
    code, message = _refused(capsys, "--host", "192.0.2.1", "--port", "0")
    assert (code, message.split(":")[1]) == (1, " can't listen on '192.0.2.1' port 0")


def test_database_that_is_none_is_one_sentence(capsys, tmp_path) -> None:
    """Exit code 1; the message names the file, which is unchanged."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database\n" * 1000)
    code, message = _refused(capsys, "--port", "0", "--db", str(path))
    assert (code, message) == (
        1,
        (
            f"polaris-emulator: file {str(path)!r} is no DuckDB database: it doesn't begin like one. "
            "Choose a file that doesn't exist yet."
        ),
    )
    assert path.read_text() == "not a database\n" * 1000


def test_missing_extra_is_one_sentence(capsys, monkeypatch) -> None:
    """Without the extra, the command prints the install command."""
    monkeypatch.setitem(sys.modules, "fastapi", None)
    code, message = _refused(capsys)
    assert (code, message) == (
        1,
        (
            "polaris-emulator: the emulator needs 'fastapi', which is not installed. "
            "Run: pip install 'airflow-provider-polaris[emulator]'"
        ),
    )


def test_missing_module_of_the_package_is_not_taken_for_a_missing_extra(monkeypatch) -> None:
    """Installing an extra would not help; the traceback names the module."""
    monkeypatch.setitem(sys.modules, "airflow_provider_polaris.emulator.server", None)
    monkeypatch.delattr(emulator, "server", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"airflow_provider_polaris\.emulator\.server"):
        cli.main([])


def _unknown(text) -> str:
    return (
        f"argument --assume: assumption {text!r} is unknown. The known ones are: unknown_context=accept|refuse|drop, "
        "empty_replace=wipe|keep|fail, partial_segment=whole|part, existing_count=declared|never|always, "
        "source_snapshot=end|post, summary_intervals=show|hide, busy_source=refuse|fail|wait, "
        "overlapping_jobs=wait|fail|free, restore_overlap=fail|refuse, empty_restore=warn|fail, "
        "permanent_delete=all|live, realtime_async=hide|show."
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--progression", "fast"],
            (
                "argument --progression: progression 'fast' is not one of 'immediate', 'polls=N' (N a whole number "
                "from 1) and 'seconds=S' (S a positive number)."
            ),
        ),
        (["--port", "70000"], "argument --port: 70000 is not a port"),
        (["--port", "x"], "argument --port: x is not a port"),
        (["--project-id", "a/b"], "argument --project-id: 'a/b' is empty or has characters that are not allowed."),
        (["--api-key", " "], "argument --api-key: ' ' is empty or has characters that are not allowed."),
        *(
            (
                ["--allow-host", host],
                f"argument --allow-host: {host!r} is not a name or an address. Write it without scheme and port",
            )
            for host in ("", "http://polaris", "polaris:8099", "cafe:80", "a b", "*", "u@polaris")
        ),
        (["--load", "events"], "argument --load: 'events' is not of the form TABLE=FILE"),
        (["--load", "events="], "argument --load: 'events=' is not of the form TABLE=FILE"),
        (["--load", "a/b=c.csv"], "argument --load: table name 'a/b' is not valid: it contains '/'"),
        (["--assume", "gravity=off"], _unknown("gravity=off")),
        (["--assume", "unknown_context=drop", "--assume", "unknown_context"], _unknown("unknown_context")),
    ],
)
def test_arguments_that_make_no_sense_exit_with_2(capsys, arguments, message) -> None:
    """Argparse prints the usage and the reason."""
    assert _refused(capsys, *arguments) == (2, f"polaris-emulator: error: {message}")


@pytest.mark.parametrize(
    ("host", "loopback", "url"),
    [
        ("127.0.0.1", True, "http://127.0.0.1:1"),
        ("127.9.9.9", True, "http://127.9.9.9:1"),
        ("localhost", True, "http://localhost:1"),
        ("::1", True, "http://[::1]:1"),
        ("0.0.0.0", False, "http://127.0.0.1:1"),
        ("::", False, "http://[::1]:1"),
        ("192.168.1.5", False, "http://192.168.1.5:1"),
        ("example.org", False, "http://example.org:1"),
    ],
)
def test_announcement_warns_of_hosts_that_others_reach(capsys, host, loopback, url) -> None:
    """Hosts other than loopback cause a warning on stderr. The printed URL works for a client."""
    cli._announce(host, 1, EmulatorSettings())
    printed = capsys.readouterr()
    warning = (
        f"WARNING: {host!r} is not a loopback address: everyone who can reach it and has the key can use it. "
        "From another machine or container, connect through TLS or a forwarded port: the provider's client sends its "
        "key over http to loopback addresses only.\n"
    )
    assert printed.err == ("" if loopback else warning)
    assert f'"host": "{url}"' in printed.out


def test_assumptions_reach_the_emulator_and_are_announced(capsys) -> None:
    """The first line lists the assumptions that differ from the defaults, if there are any."""
    arguments = ["--assume", "empty_replace=keep", "--assume", "empty_replace=fail", "--assume", "source_snapshot=end"]
    settings = cli._settings(cli._parser().parse_args(arguments))
    assert settings.assumptions == Assumptions(empty_replace="fail")
    cli._announce("127.0.0.1", 1, settings)
    cli._announce("127.0.0.1", 1, cli._settings(cli._parser().parse_args([])))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(", jobs immediate, assumptions empty_replace=fail.")
    assert lines[4].endswith(", jobs immediate.")


def test_host_and_allowed_hosts_reach_the_emulator() -> None:
    """The emulator serves requests to the host that it listens on."""
    arguments = ["--host", "0.0.0.0", "--allow-host", "Polaris.", "--allow-host", "fd00::1"]
    settings = cli._settings(cli._parser().parse_args(arguments))
    assert settings.allowed_hosts == ("0.0.0.0", "polaris", "fd00::1")


def test_settings_keep_secrets_out_of_their_repr() -> None:
    """The key is never printed by accident."""
    shown = repr(EmulatorSettings(api_key="pok_secret", client_secret="hush"))
    assert "pok_secret" not in shown
    assert "hush" not in shown
