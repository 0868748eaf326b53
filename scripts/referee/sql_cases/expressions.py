# SPDX-License-Identifier: Apache-2.0
"""The part *expressions*: every function, operator and type over the rows of :mod:`rows`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import islice

from druid_client import Druid
from emulator_side import EmulatorSide
from generator import Generator
from referee import Finding, Referee, faults
from report import describe, kinds, summary
from rows import COLUMNS, make_rows
from signatures import missing

from airflow_provider_polaris.emulator.sql.functions import FUNCTIONS, aggregates

#: One of so many expressions is an aggregate, and one of so many aggregates is of the groups of a set of keys.
AGGREGATES = 6
GROUPED = 3
GROUPINGS = (
    "ROLLUP (g, i)",
    "CUBE (g, i)",
    "GROUPING SETS ((g, i), (i), ())",
    "GROUPING SETS ((i), (g))",
    "GROUPING SETS (g, (i, g), ())",
)


def prepare(druid: Druid, emulator: EmulatorSide) -> Referee:
    """Load the rows on both sides; Druid keeps them from an earlier run, under a name that depends on them."""
    rows = make_rows()
    digest = hashlib.sha256(json.dumps([COLUMNS, rows]).encode()).hexdigest()[:8]
    table = f"ref_expr_{digest}"
    if not druid.has_table(table):
        druid.load(table, rows, COLUMNS)
    if emulator.running.emulator.catalog.find(table) is None:
        emulator.load(table, rows, COLUMNS)
    return Referee(druid, emulator, table)


def run_expressions(druids: Mapping[str, Druid], emulator: EmulatorSide, seed: int, count: int) -> bool:
    """Compare generated expressions and report; True if nothing differs."""
    forgotten = missing(set(FUNCTIONS), set(aggregates.FUNCTIONS))
    if forgotten:
        print(f"no generator for {', '.join(forgotten)}: add an entry to scripts/referee/signatures.py")
        return False
    referee = prepare(druids["33"], emulator)
    generator = Generator(seed)
    aggregated = count // AGGREGATES
    findings = referee.compare(list(generator.expressions(count - aggregated)))
    findings += referee.compare(list(generator.aggregates(aggregated)))
    is_green = show(referee, findings)
    clause = GROUPINGS[seed % len(GROUPINGS)]
    print(f"= GROUP BY {clause}", flush=True)
    grouped = referee.grouped_by(clause)
    aggregates_of_sets = islice(generator.aggregates(aggregated), None, None, GROUPED)
    return show(grouped, grouped.compare(list(aggregates_of_sets))) and is_green


def show(referee: Referee, findings: Sequence[Finding]) -> bool:
    """Print the counts and the smallest expression of each kind of fault."""
    print(summary(findings), flush=True)
    different = faults(findings)
    for group in kinds(different).values():
        print(f"\n{len(group)}x {describe(referee.shrink(group[0]))}", flush=True)
    return not different
