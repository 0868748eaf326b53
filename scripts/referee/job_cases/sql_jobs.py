# SPDX-License-Identifier: Apache-2.0
"""The part *sql-jobs*: statements of SQL jobs on Druid 27 and on the emulator, each into a new table."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

from druid_client import Druid, DruidError
from emulator_side import EmulatorSide
from jobs_cases import COLUMNS, SOURCE, anonymous, make_rows
from jobs_druid import JobsOnDruid
from jobs_emulator import JobsOnEmulator
from jobs_model import compare
from sql_jobs_cases import NAME_COLUMNS, NAME_ROWS, NAMES, make_sql_jobs

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.server import running_emulator
from airflow_provider_polaris.emulator.settings import EmulatorSettings

#: Druid 27 fails without rows, unless the statement is PARTITIONED BY ALL; newer versions and Polaris don't.
AS_DRUID_27: Final = Assumptions(empty_replace="fail", partial_segment="part")


def run_sql_jobs(druids: Mapping[str, Druid], _: EmulatorSide, seed: int, count: int) -> bool:
    """Run statements on both sides and report; True if nothing differs."""
    rng = random.Random(seed)
    prefix = f"ref_sql_{seed}_{int(time.time()) % 1_000_000}_"
    rows = make_rows(rng)
    verdicts: Counter[str] = Counter()
    with running_emulator(EmulatorSettings(assumptions=AS_DRUID_27)) as running:
        druid, here = JobsOnDruid(druids["27"]), JobsOnEmulator(running)
        try:
            druid.load(prefix + SOURCE, rows, COLUMNS)
            druid.load(prefix + NAMES, NAME_ROWS, NAME_COLUMNS)
            here.load(prefix + SOURCE, rows)
            here.load(prefix + NAMES, NAME_ROWS)
            for job in make_sql_jobs(rng, count, prefix):
                # Druid 27 doesn't know the key, and fails without rows in any case.
                context = {**job.context, "failOnEmptyInsert": True}
                spec = {"type": "sql", "query": job.query, "createTableIfNotExists": True, "context": context}
                try:
                    theirs = druid.run_statement(job.table, job.query, job.context)
                except DruidError as error:
                    verdicts["given up"] += 1
                    print(f"\nDruid gave up: {error}", flush=True)
                    continue
                difference = compare(theirs, here.run({**spec, "target": {"tableName": job.table}}))
                if difference is None:
                    verdicts[f"same, {'refused or failed' if theirs.error else 'completed'}"] += 1
                elif difference.is_refusal:
                    verdicts[f"refused by the emulator only: {anonymous(difference.message)}"] += 1
                else:
                    verdicts["different"] += 1
                    print(f"\n{job.query}\n{json.dumps(dict(job.context))}\n{difference.text}", flush=True)
        finally:
            druid.close()
            here.close()
    print(f"{count} SQL jobs", flush=True)
    for verdict, number in verdicts.most_common():
        print(f"  {number}x {verdict}", flush=True)
    return not verdicts["different"] and verdicts["given up"] * 4 <= count
