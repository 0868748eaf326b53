# SPDX-License-Identifier: Apache-2.0
"""
Age two days of Koalas out into a smaller table, then bring one of them back: what is deleted is not lost.

Every number printed is read back from the emulator's API. It starts with a new database each time.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from demo import PORT, ROOT, SOURCE, emulator_command, load_source, local_polaris, read_arguments, say

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.emulator.data_loading import sample_data as koalas
from airflow_provider_polaris.jobs.errors import PolarisNotFoundError

ARCHIVE = "Koalas Archive"
AGE = timedelta(days=30)


def size(client: PolarisClient, table: str) -> tuple[int, int]:
    """Return rows and bytes of a table; zeros if there is none."""
    try:
        found = client.get_table(table)
    except PolarisNotFoundError:
        return 0, 0
    return int(found["totalRows"]), int(found["totalDataSizeBytes"])


def show(client: PolarisClient, when: str) -> tuple[int, int]:
    """Print what both tables hold; gives rows and bytes of both together."""
    sizes = {table: size(client, table) for table in (SOURCE, ARCHIVE)}
    line = "   ".join(f"{table!r} {rows:>7,} rows {taken:>10,} bytes" for table, (rows, taken) in sizes.items())
    print(f"  {when:<22}{line}")
    return sum(rows for rows, _ in sizes.values()), sum(taken for _, taken in sizes.values())


def run(client: PolarisClient, connection: str, home: Path) -> None:
    """Age two days, restore the first, and print what the tables hold in between."""
    import airflow_once  # sets Airflow's environment, so it comes before anything of Airflow

    airflow = airflow_once.start(home / "airflow", {"AIRFLOW_CONN_POLARIS_DEFAULT": connection})
    say(f"Airflow {airflow.version} is ready; its log goes to {airflow.log}")
    age_out = airflow.load(ROOT / "dags_examples" / "koalas_age_out.py", "koalas_age_out")
    restore = airflow.load(ROOT / "dags_examples" / "restore_interval.py", "restore_interval")
    say("Ageing what is older than thirty days, a day a run:\n")
    before = show(client, "before")
    untouched = datetime.now(timezone.utc)
    for day in koalas.DAYS[:2]:
        began = time.monotonic()
        proof: dict[str, Any] = airflow.run(age_out, day + AGE, xcom=("age_out.prove", "return_value"))
        (window,) = proof["windows"]
        show(client, f"{day:%Y-%m-%d} aged")
        print(f"    proven: {window['rows']:,} rows by {proof['way']['target']}, in {time.monotonic() - began:.1f} s")
        print(f"    copied by http://127.0.0.1:{PORT}/__emulator__/jobs/{proof['job']}")
    after = size(client, SOURCE)
    rows, taken = before
    total = sum(size(client, table)[1] for table in (SOURCE, ARCHIVE))
    print(
        f"\n  {taken:,} bytes before, {total:,} after: {1 - total / taken:.0%} less. {after[0]:,} of {rows:,} rows "
        "stay."
    )
    (counted,) = client.query(f'SELECT SUM("sessions") AS "n" FROM "{ARCHIVE}"')
    if counted["n"] + after[0] != rows:
        raise SystemExit("The two tables don't count every row of the source.")

    day = koalas.DAYS[0]
    interval = f"{day:%Y-%m-%d}/{day + timedelta(days=1):%Y-%m-%d}"
    say(f"Restoring {interval} of {SOURCE!r} as it was before:\n")
    params = {"table": SOURCE, "interval": interval, "as_of": untouched.isoformat()}
    job = airflow.run(restore, datetime.now(timezone.utc), xcom=("restore", "return_value"), params=params)
    show(client, f"{day:%Y-%m-%d} restored")
    print(f"    restored by http://127.0.0.1:{PORT}/__emulator__/jobs/{job}\n")
    (first,) = client.query(f'SELECT COUNT(*) AS "n" FROM "{SOURCE}" WHERE TIME_IN_INTERVAL("__time", \'{interval}\')')
    if first["n"] == 0:
        raise SystemExit("The interval was not restored.")


def main() -> None:
    arguments = read_arguments(__doc__)
    home: Path = arguments.home
    database = home / "aging.db"
    for old in home.glob("aging.db*"):
        old.unlink()
    say("Starting a local Polaris …")
    with local_polaris(database, port=arguments.port) as (address, connection):
        settings = ClientSettings.from_host(
            address, project_id="00000000-0000-4000-8000-000000000001", api_key="pok_emulator"
        )
        with PolarisClient(settings) as client:
            say(f"{SOURCE!r} holds {load_source(client, home):,} rows. Starting Airflow …")
            run(client, connection, home)
    print(
        f"""What to try next
  {emulator_command(database)}
                                     serve this Polaris again; its pages are at http://127.0.0.1:{PORT}/__emulator__/
  dags_examples/koalas_age_out.py    the DAG that aged
  dags_examples/restore_interval.py  the DAG that brought the day back
"""
    )
    say("Done.")


if __name__ == "__main__":
    main()
