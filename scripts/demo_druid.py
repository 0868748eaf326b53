# SPDX-License-Identifier: Apache-2.0
"""
Roll three days of Koalas up on a real Apache Druid: the files, the DAG and the numbers of ``make demo``.

Only the connection differs. Nothing is prepared or remembered: every number printed is read back from Druid. The
cluster is stopped at the end, unless it ran before; its tables stay in ``.druid``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo import ROOT, SOURCE, TARGET, report, run_airflow, say, wait_for

from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.client.druid.settings import DruidSettings
from airflow_provider_polaris.emulator.data_loading import sample_data as koalas

sys.path.append(str(ROOT / "scripts" / "druid"))
from cluster import Cluster, ClusterError
from configuration import VERSIONS
from ingestion import replace_all

VERSION = "27"  # it runs jobs; 33 is started without the multi-stage query engine
COLUMNS = {"city": "string", "session": "string", "session_length": "long"}


@contextmanager
def local_druid() -> Iterator[str]:
    """Run a Druid for as long as the block lasts, and longer if it ran before; gives the router's address."""
    cluster = Cluster(VERSIONS[VERSION], ROOT / ".druid" / VERSION)
    ran = cluster.is_running("router")
    try:
        seconds = cluster.start()
        say(f"Its router answers at {cluster.url('router')} after {seconds:.0f} s; logs are in {cluster.home}/log")
        yield cluster.url("router")
    except ClusterError as error:
        raise SystemExit(str(error)) from None
    finally:
        if not ran:
            cluster.stop()


def load_source(client: DruidClient, home: Path) -> int:
    """Ingest the detail data as a Druid user would; gives the rows that the table then holds."""
    path = home / "koalas.json.gz"
    say(f"Making {koalas.ROWS:,} events of three days ({koalas.DAYS[0]:%Y-%m-%d} to {koalas.DAYS[-1]:%Y-%m-%d}) …")
    size = koalas.write(path)
    say(f"Ingesting {path.name} ({size / 1e6:.1f} MB) into {SOURCE!r} …")
    source = {"type": "local", "baseDir": str(home.resolve()), "filter": path.name}
    statement = replace_all(SOURCE, source, COLUMNS, time="timestamp")
    wait_for(client, client.create_job({"type": "sql", "query": statement}))
    (counted,) = client.query(f'SELECT COUNT(*) AS "rows" FROM "{SOURCE}"')
    return int(counted["rows"])


def main() -> None:
    home = ROOT / ".demo" / "druid"
    home.mkdir(parents=True, exist_ok=True)
    say(f"Starting a local Druid {VERSION}; the first start fetches its jars …")
    with local_druid() as router, DruidClient(DruidSettings.from_host(router)) as client:
        source_rows = load_source(client, home)
        say(f"{SOURCE!r} holds {source_rows:,} rows. Starting Airflow …")
        connection = json.dumps({"conn_type": "apache_druid", "host": router})
        jobs = run_airflow(connection, home)
        report(client, jobs, source_rows, heading="task", place=str)
    print(
        f"""
What to try next
  make druid DRUID={VERSION}    keep this Druid running; {TARGET!r} stays in it
  make demo-druid        once more: the same days are replaced, the table stays the same
  make demo              the same on the emulator of Polaris, without Java
"""
    )
    say("Done.")


if __name__ == "__main__":
    main()
