# SPDX-License-Identifier: Apache-2.0
"""
The metadata database of the end-to-end Airflow: PostgreSQL where its programs are installed, otherwise SQLite.

Airflow's processes wait for each other when they write to SQLite, and on a loaded machine some give up ("database is
locked"). PostgreSQL is what production has.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
from abc import ABC, abstractmethod
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from harness.processes import ProcessTree
from harness.waiting import eventually

_USER = "airflow"
#: Where Debian's packages put what isn't on the PATH: a folder for each version.
_DEBIAN = Path("/usr/lib/postgresql")
#: For tests only: nothing has to survive a crash of the machine.
_OPTIONS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=300")


#: A number for each server of this process.
_NUMBERS = itertools.count(1)


class Database(ABC):
    """A database that Airflow's processes share."""

    @abstractmethod
    def start(self) -> None:
        """Create the database, and start its server if it has one."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the server."""

    @abstractmethod
    def url(self, *, patient: bool = False) -> str:
        """
        Return SQLAlchemy's URL.

        :param patient: For a process that waits for a minute, not for 5 s, while others write.
        """

    @abstractmethod
    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""


class Sqlite(Database):
    """
    A SQLite file.

    :param home: Its folder.
    """

    def __init__(self, home: Path) -> None:
        self._file = home / "airflow.db"

    def start(self) -> None:
        """Do nothing: Airflow creates the file."""

    def stop(self) -> None:
        """Do nothing."""

    def url(self, *, patient: bool = False) -> str:
        """Return the file's URL."""
        return f"sqlite:///{self._file}{'?timeout=60' if patient else ''}"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(sql).fetchall()


class Postgres(Database):
    """
    A PostgreSQL server on the loopback interface, for one session of the tests.

    It refuses to run as root; root starts it as the user that Debian's package creates.

    :param home: Folder for its log; the data is in a folder of its own beside it.
    :param programs: Folder of ``initdb`` and ``postgres``.
    """

    def __init__(self, home: Path, programs: Path) -> None:
        self._home = home
        self._programs = programs
        self._user = "postgres" if os.getuid() == 0 else None
        # Another user must be able to reach it. A session can have several servers at the same time.
        self._data = Path("/tmp") / f"polaris-e2e-{os.getpid()}-{next(_NUMBERS)}"
        self._server: ProcessTree | None = None
        (self._port,) = free_ports(1)

    def start(self) -> None:
        """
        Create a cluster and start its server.

        :raises AssertionError: It can't be created, or doesn't answer in time; has what it printed.
        """
        self._data.mkdir(mode=0o700)
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            os.chown(self._data, account.pw_uid, account.pw_gid)
        command = [str(self._programs / "initdb"), "--pgdata", str(self._data), "--username", _USER, "--auth=trust"]
        done = subprocess.run(
            [*command, "--encoding=UTF8", "--locale=C", "--no-sync"],
            cwd="/",
            user=self._user,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout.decode(errors="replace")
        options = [word for option in _OPTIONS for word in ("-c", option)]
        address = ["-h", "127.0.0.1", "-p", str(self._port), "-k", ""]
        self._server = ProcessTree(
            "postgres",
            [str(self._programs / "postgres"), "-D", str(self._data), *address, *options],
            dict(os.environ),
            self._home / "postgres.log",
            user=self._user,
        )
        eventually(self._answers, bool, within=120, what="PostgreSQL")

    def stop(self) -> None:
        """Kill the server and remove its data."""
        if self._server is not None:
            self._server.kill()
        shutil.rmtree(self._data, ignore_errors=True)

    def url(self, *, patient: bool = False) -> str:  # a writer waits for no other one
        """Return the server's URL."""
        return f"postgresql+psycopg2://{_USER}@127.0.0.1:{self._port}/postgres"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        import psycopg2

        address = {"host": "127.0.0.1", "port": self._port, "user": _USER, "dbname": "postgres"}
        with closing(psycopg2.connect(**address)) as database, database.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def _answers(self) -> bool:
        import psycopg2

        assert self._server is not None
        self._server.check_runs()
        try:
            return self.rows("SELECT 1") == [(1,)]
        except psycopg2.OperationalError:
            return False


def database(home: Path) -> Database:
    """
    Return the database for an Airflow.

    :param home: AIRFLOW_HOME.
    """
    programs = postgres_programs()
    return Sqlite(home) if programs is None else Postgres(home, programs)


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, of the newest version; None if it isn't installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = [folder for folder in _DEBIAN.glob("*/bin") if (folder / "initdb").exists()]
    return max(folders, key=lambda folder: float(folder.parent.name), default=None)


def free_ports(count: int) -> list[int]:
    """Return unused ports of the loopback interface, all different."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]
