# SPDX-License-Identifier: Apache-2.0
"""
Measure two smaller costs: what a DAG file pays for its imports, and what the emulator adds to DuckDB's own time.

The peer of the imports is dbt Cloud's operator, imported after ours in the same process. The engine's peer is the same
SQL typed into the same database. The two alternate, and each has its best time: what else the machine does only ever
adds. It prints one line for each figure. It is a benchmark: nothing passes or fails.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the tests' shorthands

from airflow_provider_polaris.emulator.engine import Store, TableInput
from tests.emulator.engine.conftest import COPY, ROLLUP, Clock, Engine, day

OURS, PEER = "airflow_provider_polaris.operators.polaris", "airflow.providers.dbt.cloud.operators.dbt"
ROUNDS = 5
_FILE_ROWS = 156_250
_DOUBLED = 6
_LOADED_ROWS = 100_000
_IMPORT = """
import json, sys, time
try:
    import airflow.sdk
except ImportError:  # before 3.0
    from airflow.models.baseoperator import BaseOperator
seconds = []
for name in sys.argv[1:]:
    begin = time.perf_counter()
    __import__(name)
    seconds.append(time.perf_counter() - begin)
print(json.dumps(seconds))
"""
_ROLLUP_SQL = """
    CREATE OR REPLACE TABLE typed AS
    SELECT date_trunc('hour', "__time"), upper("city"), max("session_length"), count(*) FROM plain GROUP BY 1, 2
"""


def measure_imports() -> None:
    """Print what our operators and the peer's add to Airflow's own imports, in new processes."""
    runs = []
    for _ in range(ROUNDS):
        done = subprocess.run([sys.executable, "-c", _IMPORT, OURS, PEER], capture_output=True, text=True, check=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    ours, peers = (1000 * statistics.median(column) for column in zip(*runs, strict=True))
    print(f"import of the operators: ours {ours:.0f} ms, dbt Cloud's {peers:.0f} ms ({ours / peers:.1%})")


def ten_million() -> Engine:
    """Return an engine with ten million rows over three days in the table 'source'."""
    engine = Engine(Store(None), Clock())
    hours = [f"2024-06-{1 + n // 24:02d}T{n % 24:02d}:{n % 60:02d}:00Z" for n in range(72)]
    engine.load("source", [(hours[n * 72 // _FILE_ROWS], f"city {n % 500}", n % 1009) for n in range(_FILE_ROWS)])
    for _ in range(_DOUBLED):
        engine.run(target="source", mode="append", source=TableInput("source"), mappings=COPY)
    return engine


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds it takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Print the best times of two pieces of work."""
    best, bare = (min(column) for column in zip(*((timed(ours), timed(theirs)) for _ in range(ROUNDS)), strict=True))
    print(f"{name}: {best:.2f} s, DuckDB alone {bare:.2f} s ({best / bare:.2f} times)")


def measure_engine() -> None:
    """Print what jobs over ten million rows take, and DuckDB without the engine."""
    engine = ten_million()
    engine.create("rollup", type="aggregate")

    def copy_plain() -> None:
        live = engine.tables.relation_sql(engine.tables.stored("source"))
        engine.store.execute(f"CREATE OR REPLACE TABLE plain AS {live}")

    def rollup() -> None:
        source = TableInput("source")
        engine.run(target="rollup", mode="replace", replace_all=True, source=source, mappings=ROLLUP)

    def append() -> None:
        engine.create("copy")
        engine.run(target="copy", mode="append", source=TableInput("source"), mappings=COPY)
        engine.tables.drop("copy")

    def append_plain() -> None:
        engine.store.execute("CREATE OR REPLACE TABLE typed AS SELECT * FROM plain")
        engine.store.execute("DROP TABLE typed")

    copy_plain()
    compare("rollup of 10,000,000 rows", rollup, lambda: engine.store.execute(_ROLLUP_SQL))
    compare("append of 10,000,000 rows", append, append_plain)
    second_day = ((day(2), day(3)),)
    engine.run(target="source", mode="replace", source=TableInput("source"), mappings=COPY, intervals=second_day)
    copy_plain()
    compare("rollup that skips a replaced day", rollup, lambda: engine.store.execute(_ROLLUP_SQL))
    engine.store.close()


def measure_file() -> None:
    """Print what loading the rows of the demo takes."""
    engine = Engine(Store(None), Clock())
    begin = datetime(2024, 6, 1, tzinfo=timezone.utc)
    times = [(begin + timedelta(hours=n)).isoformat() for n in range(72)]
    rows = [(times[n % 72], f"city {n % 500}", n % 1009) for n in range(_LOADED_ROWS)]
    print(f"file of {_LOADED_ROWS:,} rows loaded: {timed(lambda: engine.load('source', rows)):.2f} s")
    engine.store.close()


def main() -> None:
    measure_imports()
    measure_engine()
    measure_file()


if __name__ == "__main__":
    main()
