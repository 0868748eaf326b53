# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every point of a job: the database has the state before the job or after it, never a partial state."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_polaris.emulator.engine import Store, Tables, run_query

# Runs one replace job and its document in a transaction, and kills itself before the Nth statement (-2: before COMMIT,
# -1: after it); forks, so that DuckDB is imported once for all N. The forking process itself never opens a database:
# DuckDB's threads don't fork.
CHILD = """
import json, os, signal, sys
from datetime import datetime, timezone
from airflow_provider_polaris.emulator.engine import *

ROWS = 5000

class Killer:
    def __init__(self, connection, nth):
        self.connection, self.nth, self.count = connection, nth, 0
    def execute(self, *arguments):
        self.count += 1
        if self.count == self.nth or (arguments[0] == "COMMIT" and self.nth == -2):
            os.kill(os.getpid(), signal.SIGKILL)
        result = self.connection.execute(*arguments)
        if arguments[0] == "COMMIT" and self.nth == -1:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    def close(self):
        self.connection.close()

def fill(path):
    store = Store(path)
    tables = Tables(store)
    schema = (Column("time", "timestamp"), Column("n", "long"))
    for name, rows in (("source", ROWS), ("events", 10)):
        tables.create(TableDef(name, name))
        lines = [json.dumps({"time": f"2024-06-0{1 + n % 2}T00:00:00Z", "n": n}) for n in range(rows)]
        store.put_blob(name, "\\n".join(lines).encode())
        mappings = (MappingPlan("__time", '"time"'), MappingPlan("n", '"n"'))
        run_batch(BatchPlan(name, "append", FileInput((name,), schema), mappings), tables, store)
    store.close()

def work(path, nth):
    store = Store(path)
    tables = Tables(store)
    store._connection = Killer(store._connection, nth)
    mappings = (MappingPlan("n", '"n"'), MappingPlan("label", "'row ' || \\"n\\""))
    day = datetime(2024, 6, 1, tzinfo=timezone.utc), datetime(2024, 6, 2, tzinfo=timezone.utc)
    plan = BatchPlan("events", "replace", TableInput("source"), mappings, intervals=(day,))
    with store.transaction():
        totals = run_batch(plan, tables, store)
        store.put_document("job", "1", {"status": "completed", "rows": totals.rows_persisted})
    store.close()

def isolated(function, *arguments):
    pid = os.fork()
    if pid == 0:
        function(*arguments)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

folder, points = sys.argv[1], [int(point) for point in sys.argv[2].split(",")]
assert isolated(fill, folder + "/0.duckdb") == 0
for nth in points:
    path = f"{folder}/{nth}.duckdb"
    with open(folder + "/0.duckdb", "rb") as old, open(path, "wb") as new:
        new.write(old.read())
    print(nth, isolated(work, path, nth), flush=True)
"""


def run_child(folder: Path, points: str) -> dict[int, int]:
    """Run the job once for each point, each on a copy of the same database; return the end of each process."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), points], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return {int(line.split()[0]): int(line.split()[1]) for line in done.stdout.splitlines()}


def look(path: Path) -> tuple[Any, ...]:
    """Open a database and describe the table and its job."""
    store = Store(str(path))
    tables = Tables(store)
    sql = 'SELECT COUNT(*), SUM("n"), COUNT(DISTINCT "__time") FROM "events"'
    (counted,) = run_query(sql, tables, store).rows
    stats = tables.stats("events")
    found = (
        counted,
        (stats.total_rows, stats.segment_count),
        len(tables.unused_segments("events")),
        tables.columns("events"),
        store.get_document("job", "1"),
    )
    # Rows and catalog agree, and the database can be written.
    assert counted[0] == stats.total_rows
    store.put_document("probe", "1", {})
    store.close()
    return found


def test_job_killed_before_it_is_committed_has_not_happened(tmp_path: Path) -> None:
    """For a kill at any statement: no rows, no columns, no document; without the kill, all of them."""
    points = [1, 3, 5, 8, 11, 14, 17, -2, 1000]
    ends = run_child(tmp_path, ",".join(map(str, points)))
    before = look(tmp_path / "0.duckdb")
    assert ends == {nth: 0 if nth == 1000 else -9 for nth in points}
    for nth in points[:-1]:
        assert look(tmp_path / f"{nth}.duckdb") == before, nth
    after = look(tmp_path / "1000.duckdb")
    assert after[-1] == {"status": "completed", "rows": 2500}
    assert after[0] == (2505, sum(range(0, 5000, 2)) + 1 + 3 + 5 + 7 + 9, 2)
    assert (before[2], after[2]) == (0, 1)


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0])
def test_job_killed_while_its_commit_is_written_has_happened_or_not(
    fraction: float, tmp_path: Path, committed: Path
) -> None:
    """With a truncated log, the job has not happened; only the complete log contains the job."""
    path = tmp_path / "x.duckdb"
    shutil.copy(committed, path)
    log = Path(f"{committed}.wal").read_bytes()
    Path(f"{path}.wal").write_bytes(log[: int(len(log) * fraction)])
    found = look(path)
    job, live_rows, hidden = found[-1], found[1][0], found[2]
    assert (job, live_rows, hidden) in [(None, 10, 0), ({"status": "completed", "rows": 2500}, 2505, 1)]
    assert (job is None) == (fraction < 1)


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database killed right after the commit of a job, so that only the write-ahead log contains the job."""
    folder = tmp_path_factory.mktemp("committed")
    assert run_child(folder, "-1") == {-1: -9}
    return folder / "-1.duckdb"
