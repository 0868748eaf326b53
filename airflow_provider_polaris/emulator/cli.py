# SPDX-License-Identifier: Apache-2.0
"""
``polaris-emulator``: run the emulator from the command line.

The module level imports only the standard library, so that a missing extra is reported in one sentence.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_polaris.emulator.settings import EmulatorSettings


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the emulator until SIGINT or SIGTERM.

    :param argv: Arguments; None uses those of the process.
    :return: Exit code: 0, or 1 after one sentence on stderr. Wrong arguments exit with 2.
    """
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401

        from airflow_provider_polaris.emulator import engine
        from airflow_provider_polaris.emulator import server as serving
        from airflow_provider_polaris.emulator.app import create_app
        from airflow_provider_polaris.emulator.data_loading import load as loading
        from airflow_provider_polaris.emulator.data_loading.row_files import LoadError
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == __name__.partition(".")[0]:
            raise  # a module of this package is missing or broken; installing an extra doesn't fix that
        return _fail(
            f"the emulator needs {error.name!r}, which is not installed. "
            "Run: pip install 'airflow-provider-polaris[emulator]'"
        )
    arguments = _parser().parse_args(argv)
    settings = _settings(arguments)
    try:
        listener = serving.bind(arguments.host, arguments.port)
    except OSError as error:
        # Python appends the address to the text; gaierror has its own error numbers.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        return _fail(
            f"can't listen on {arguments.host!r} port {arguments.port}: {reason}. "
            "Stop the process that uses the port, or choose another port with --port."
        )
    with listener:
        try:
            app = create_app(settings)
        except engine.StoreError as error:
            return _fail(str(error))
        try:
            # The socket is bound, so clients that connect now wait until the tables are loaded.
            for loaded in loading.load_all(app.state.emulator, arguments.load, demo=arguments.seed_demo):
                print(f"Loaded {loaded.rows:,} rows into {loaded.table!r} by job {loaded.job_id}.", flush=True)
        except (LoadError, engine.StoreError) as error:
            app.state.emulator.close()
            return _fail(str(error))
        port = listener.getsockname()[1]
        server = serving.make_server(app, lambda: _announce(arguments.host, port, settings))

        def stop(*_: object) -> None:
            # After the shutdown, uvicorn raises the signal again; this handler ignores it.
            server.should_exit = True

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        server.run(sockets=[listener])
    return 0


def connection_line(host: str, port: int, settings: EmulatorSettings) -> str:
    """Return the shell line that points Airflow's connection ``polaris_default`` to this emulator."""
    from airflow_provider_polaris.emulator.settings import connection_of

    connection = connection_of(f"http://{_url_host(host)}:{port}", settings)
    quoted = json.dumps(connection).replace("'", "'\\''")
    return f"export AIRFLOW_CONN_POLARIS_DEFAULT='{quoted}'"


def _parser() -> argparse.ArgumentParser:
    from airflow_provider_polaris.emulator.assumptions import ASSUMPTIONS
    from airflow_provider_polaris.emulator.settings import (
        DEFAULT_API_KEY,
        DEFAULT_HOST,
        DEFAULT_PORT,
        DEFAULT_PROJECT_ID,
    )

    parser = argparse.ArgumentParser(
        prog="polaris-emulator",
        description="A local Imply Polaris: the Jobs, Tables, Files and Query APIs on DuckDB.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        type=_host_name,
        metavar="NAME",
        help="also serve requests to this host name, such as a docker-compose service; loopback and --host are always "
        "served; repeatable",
    )
    parser.add_argument("--port", default=DEFAULT_PORT, type=_port, help="port to listen on; 0 selects a free port")
    parser.add_argument("--db", metavar="FILE", help="database file; without it, data is kept in memory")
    parser.add_argument("--project-id", default=DEFAULT_PROJECT_ID, metavar="ID", help="id of the project")
    parser.add_argument("--api-key", default=DEFAULT_API_KEY, metavar="KEY", help="the accepted API key")
    parser.add_argument(
        "--progression",
        default="immediate",
        metavar="immediate|polls=N|seconds=S",
        help="when jobs are done: at the next poll, at the Nth poll, or after S seconds",
    )
    parser.add_argument(
        "--load",
        action="append",
        default=[],
        type=_table_and_file,
        metavar="TABLE=FILE",
        help="load a JSON lines, CSV or Parquet file into a table and replace its rows; the time is in the column "
        "'__time' or 'timestamp'; repeatable, also for one table",
    )
    parser.add_argument("--seed-demo", action="store_true", help="load the data of the examples into 'Koalas Source'")
    known = ", ".join(f"{key}={'|'.join(values)}" for key, values in ASSUMPTIONS.items())
    parser.add_argument(
        "--assume",
        action="append",
        default=argparse.SUPPRESS,
        metavar="KEY=VALUE",
        help=f"behavior that the vendor's documents leave open, the default first: {known}; repeatable",
    )
    return parser


def _settings(arguments: argparse.Namespace) -> EmulatorSettings:
    from airflow_provider_polaris.emulator.assumptions import AssumptionError, Assumptions
    from airflow_provider_polaris.emulator.settings import EmulatorSettings
    from airflow_provider_polaris.emulator.status_machine import Progression, ProgressionError

    try:
        progression = Progression.parse(arguments.progression)
    except ProgressionError as error:
        _parser().error(f"argument --progression: {error}")
    try:
        assumptions = Assumptions.parse(getattr(arguments, "assume", ()))
    except AssumptionError as error:
        _parser().error(f"argument --assume: {error}")
    for name in ("project_id", "api_key"):
        value = getattr(arguments, name)
        if not value.isascii() or not value.isprintable() or not value.strip() or "/" in value:
            _parser().error(
                f"argument --{name.replace('_', '-')}: {value!r} is empty or has characters that are not allowed."
            )
    return EmulatorSettings(
        db=arguments.db,
        project_id=arguments.project_id,
        api_key=arguments.api_key,
        progression=progression,
        assumptions=assumptions,
        allowed_hosts=(arguments.host, *arguments.allow_host),
    )


def _announce(host: str, port: int, settings: EmulatorSettings) -> None:
    from airflow_provider_polaris.emulator.hosts import is_loopback

    base = f"http://{_url_host(host)}:{port}"
    if not is_loopback(host):
        print(
            f"WARNING: {host!r} is not a loopback address: everyone who can reach it and has the key can use it. "
            "From another machine or container, connect through TLS or a forwarded port: the provider's client sends "
            "its key over http to loopback addresses only.",
            file=sys.stderr,
        )
    where = f"in {settings.db!r}" if settings.db else "in memory"
    assumed = f", assumptions {settings.assumptions}" if str(settings.assumptions) else ""
    print(
        f"Polaris emulator on {base}, project {settings.project_id}, data {where}, "
        f"jobs {settings.progression}{assumed}."
    )
    print(f"Tables and jobs: {base}/__emulator__/")
    print("For Airflow:")
    print(connection_line(host, port, settings), flush=True)


def _url_host(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104  # not a place to connect to
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
    return f"[{host}]" if ":" in host else host


def _host_name(text: str) -> str:
    from airflow_provider_polaris.emulator.hosts import host_name

    name = host_name(f"[{text}]" if ":" in text else text)
    if name is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a name or an address. Write it without scheme and port")
    return name


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return int(text)


def _table_and_file(text: str) -> tuple[str, str]:
    from airflow_provider_polaris.emulator.wire.names import table_name_fault

    table, equals, file = text.partition("=")
    if not equals or not file:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form TABLE=FILE")
    if fault := table_name_fault(table):
        raise argparse.ArgumentTypeError(f"table name {table!r} is not valid: {fault}")
    return table, file


def _fail(message: str) -> int:
    print(f"polaris-emulator: {message}", file=sys.stderr)
    return 1
