# SPDX-License-Identifier: Apache-2.0
"""The part *queries*: what the package itself asks, on Druid and on the emulator, synchronous and asynchronous."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import queries_cases
from druid_client import Druid, DruidError, call
from emulator_side import EmulatorSide
from jobs_cases import COLUMNS, SOURCE, make_rows
from jobs_druid import JobsOnDruid, attempts
from jobs_emulator import JobsOnEmulator
from jobs_model import milliseconds
from queries_cases import Query

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.jobs.errors import PolarisApiError

#: One of so many queries runs asynchronously, too: it takes Druid a second.
ASYNCHRONOUS: Final = 4
_PATIENCE: Final = 120

Answer = list[dict[str, Any]] | str
"""Rows, or ``refused``."""


def run_queries(druids: Mapping[str, Druid], emulator: EmulatorSide, seed: int, count: int) -> bool:
    """Compare the answers to queries and report; True if nothing differs."""
    rng = random.Random(seed)
    prefix = f"ref_jobs_queries_{seed}_{int(time.time()) % 1_000_000}_"
    tables = {
        prefix + SOURCE: (make_rows(rng), COLUMNS),
        prefix + queries_cases.COUNTS: (queries_cases.make_counts(rng), queries_cases.COLUMNS),
    }
    here = JobsOnEmulator(emulator.running)
    jobs = JobsOnDruid(druids["27"])
    try:
        for table, (rows, columns) in tables.items():
            jobs.load(table, rows, columns)
            druids["33"].load(table, rows, columns)
            here.load(table, rows)
        queries = list(queries_cases.make_queries(rng, count, prefix))
        return _compare(queries, druids, here)
    finally:
        jobs.close()
        for table in tables:
            druids["33"].drop(table)
        here.close()


def _compare(queries: list[Query], druids: Mapping[str, Druid], here: JobsOnEmulator) -> bool:
    different = 0
    for number, query in enumerate(queries):
        ways: dict[str, Callable[[], Answer]] = {
            "the emulator": partial(ask_here, here.client, query),
            "Druid 27": partial(ask, druids["27"], query),
            "Druid 33": partial(ask, druids["33"], query),
        }
        if number % ASYNCHRONOUS == 0:
            ways |= {
                "the emulator, asynchronous": partial(ask_later_here, here.client, query),
                "Druid 27, asynchronous": partial(ask_later, druids["27"], query),
            }
        raw = {name: way() for name, way in ways.items()}
        answers = {name: normal(answer) for name, answer in raw.items()}
        if any(answer != answers["the emulator"] for answer in answers.values()):
            different += 1
            shown = "\n".join(f"{name}: {json.dumps(answer)[:600]}" for name, answer in raw.items())
            print(f"\n{query.kind}: {query.sql}\n{json.dumps(dict(query.context))}\n{shown}", flush=True)
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(Counter(one.kind for one in queries).items()))
    print(f"{len(queries)} queries ({kinds}), {different} differ", flush=True)
    return not different


def ask(druid: Druid, query: Query) -> Answer:
    """Run a query on the broker."""
    body = {"query": query.sql, "resultFormat": "object", "context": dict(query.context)}
    try:
        return list(call(f"{druid.broker}/druid/v2/sql", body))
    except DruidError as error:
        return f"refused: {error}"


def ask_later(druid: Druid, query: Query) -> Answer:
    """Run a query as a statement of the multi-stage query engine."""
    url = f"{druid.broker}/druid/v2/sql/statements"
    context = {"executionMode": "ASYNC", "includeSegmentSource": "NONE", **query.context}
    try:
        state = call(url, {"query": query.sql, "context": context})
        for _ in attempts(_PATIENCE):
            if state["state"] not in ("ACCEPTED", "RUNNING"):
                break
            state = call(f"{url}/{state['queryId']}")
        if state["state"] != "SUCCESS":
            return f"refused: {state}"
        pages = [page["id"] for page in state["result"].get("pages") or ()]
        return [row for page in pages for row in call(f"{url}/{state['queryId']}/results?page={page}", lines=True)]
    except DruidError as error:
        return f"refused: {error}"


def ask_here(client: PolarisClient, query: Query) -> Answer:
    """Run a query on the emulator."""
    try:
        return client.query(query.sql, context=query.context)
    except PolarisApiError as error:
        return f"refused: {error}"


def ask_later_here(client: PolarisClient, query: Query) -> Answer:
    """Run an asynchronous query on the emulator."""
    try:
        query_id = client.start_query(query.sql, context={"includeSegmentSource": "NONE", **query.context})["queryId"]
        state = client.get_query(query_id)
        return list(client.iter_query_rows(query_id)) if state["state"] == "SUCCESS" else f"refused: {state}"
    except PolarisApiError as error:
        return f"refused: {error}"


def normal(answer: Answer) -> Answer:
    """Return the rows in an order of their own, with times as milliseconds, or that there are none."""
    if isinstance(answer, str):
        return answer.partition(":")[0]
    rows = [{name: _milliseconds(value) for name, value in sorted(row.items())} for row in answer]
    return sorted(rows, key=json.dumps)


def _milliseconds(value: Any) -> Any:
    return milliseconds(value) if isinstance(value, str) and value.endswith("Z") else value
