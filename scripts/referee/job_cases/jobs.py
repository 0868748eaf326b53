# SPDX-License-Identifier: Apache-2.0
"""The part *jobs*: random sequences of table-to-table jobs on Druid 27 and on the emulator, compared after each job."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count as counter
from typing import Final, Literal

import jobs_cases
from druid_client import Druid, DruidError
from emulator_side import EmulatorSide
from jobs_cases import anonymous
from jobs_druid import JobsOnDruid
from jobs_emulator import JobsOnEmulator
from jobs_model import Difference, JobSequence, compare

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.server import running_emulator
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.jobs.sql.statement import job_statement

#: What Druid 27 does where the vendor's pages differ from it, or leave the question open.
AS_DRUID_27: Final = Assumptions(partial_segment="part")
#: Texts of Druid 27 for what is another matter than the job, and the reason.
KNOWN: Final = {
    "null/empty intervals": "Druid 27 fails if its planner finds that the filter leaves no time of the source",
    "interval instead": "Druid 27 joins adjacent empty chunks to one, so that a later append fails or stands still",
    "not found in any table": "Druid has no column of which no segment has a value; a table of Polaris declares it",
}

#: Jobs that are generated at most for each one that both sides shall run.
MOST: Final = 4

#: Text of Druid 27 after which a sequence ends: such an append may leave a lock behind that no task holds, so that each
#: later job on the table waits forever.
UNALLOCATED: Final = "Cannot allocate segment"


@dataclass(frozen=True)
class Finding:
    """
    A sequence after which the two sides differ.

    :param sequence: The sequence; its last job differs.
    :param difference: How.
    """

    sequence: JobSequence
    difference: Difference

    def __str__(self) -> str:
        """Return the jobs as SQL and as specs, and the difference."""
        lines = [f"\nsequence {self.sequence.number}, {len(self.sequence.jobs)} jobs:"]
        for spec in self.sequence.jobs:
            lines += [str(job_statement(spec)), f"-- {json.dumps(spec)}"]
        return "\n".join([*lines, self.difference.text])


@dataclass
class Bench:
    """
    The two sides, with the same source on both.

    :param prefix: Beginning of the names of all tables.
    :param compared: Number of jobs that both sides ran, or both refused.
    :param run: Number of jobs that both sides ran.
    :param known: How often a known difference occurred, by its reason.
    """

    druid: JobsOnDruid
    emulator: JobsOnEmulator
    prefix: str
    compared: int = 0
    run: int = 0
    known: Counter[str] = field(default_factory=Counter)
    _repeats: Iterator[int] = field(default_factory=lambda: counter(1))

    def first_finding(self, sequence: JobSequence) -> Finding | None:
        """
        Run a sequence until a job differs.

        A job whose source has no rows is left out, because Druid has no such table. The sequence ends after a known
        difference, because the tables differ from there on, and after :data:`UNALLOCATED`.
        """
        filled = {self.prefix + jobs_cases.SOURCE}
        for position, spec in enumerate(sequence.jobs):
            if spec["source"]["tableName"] not in filled:
                continue
            druid = self.druid.run(spec)
            emulator = self.emulator.run(spec)
            difference = compare(druid, emulator)
            self.compared += 1
            self.run += druid.error is None and emulator.error is None
            known = next((reason for text, reason in KNOWN.items() if text in druid.message), None)
            if difference is not None and known is None and not difference.is_refusal:
                return Finding(sequence.until(position), difference)
            if difference is not None:
                self.known[known or f"refused by the emulator only: {anonymous(difference.message)}"] += 1
            if difference is not None or known is not None or UNALLOCATED in druid.message:
                return None
            if druid.rows:
                filled.add(spec["target"]["tableName"])
        return None

    def shrink(self, finding: Finding) -> Finding:
        """Leave out the jobs without which the last one still differs."""
        for position in reversed(range(len(finding.sequence.jobs) - 1)):
            shorter = finding.sequence.without(position)
            fresh = f"{self.prefix}again{next(self._repeats)}_"
            again = self.first_finding(shorter.renamed(f"{self.prefix}{shorter.number}_", fresh))
            if again is not None and len(again.sequence.jobs) == len(shorter.jobs):
                finding = Finding(shorter, again.difference)
        return finding


@contextmanager
def bench(druid: Druid, seed: int, rng: random.Random) -> Iterator[Bench]:
    """Load the source on both sides; at the end Druid's tables are marked unused."""
    prefix = f"ref_jobs_{seed}_{int(time.time()) % 1_000_000}_"  # a table keeps traces of its earlier segments
    rows = jobs_cases.make_rows(rng)
    with running_emulator(EmulatorSettings(assumptions=AS_DRUID_27)) as running:
        both = Bench(JobsOnDruid(druid), JobsOnEmulator(running), prefix)
        try:
            both.druid.load(prefix + jobs_cases.SOURCE, rows, jobs_cases.COLUMNS)
            both.emulator.load(prefix + jobs_cases.SOURCE, rows)
            yield both
        finally:
            both.druid.close()
            both.emulator.close()


def run_jobs(druids: Mapping[str, Druid], _: EmulatorSide, seed: int, count: int) -> bool:
    """
    Run sequences one after the other, until both sides ran this number of jobs, and report.

    A job takes two of Druid's six task slots, and jobs that start at the same time may wait for each other's.

    :return: Whether nothing differs, both sides ran the jobs, and Druid gave up few of the sequences.
    """
    rng = random.Random(seed)
    verdicts: Counter[str] = Counter()
    with bench(druids["27"], seed, rng) as both:
        for sequence in jobs_cases.make_sequences(rng, count * MOST, both.prefix):
            verdicts[_examine(both, sequence)] += 1
            if both.run >= count:
                break
    shown = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.most_common())
    print(f"both ran {both.run} of {both.compared} jobs in {verdicts.total()} sequences: {shown}", flush=True)
    for reason, number in both.known.most_common():
        print(f"  {number}x {reason}", flush=True)
    is_enough = both.run >= count and verdicts["given up"] * 4 <= verdicts.total()
    return is_enough and not verdicts["different"]


def _examine(both: Bench, sequence: JobSequence) -> Literal["same", "different", "given up"]:
    try:
        finding = both.first_finding(sequence)
        if finding is None:
            return "same"
        print(finding, flush=True)
        print(both.shrink(finding), flush=True)
    except DruidError as error:
        # A worker that starts before its controller is known ends, and the controller keeps its slot: make druid-stop.
        print(f"\nsequence {sequence.number}: Druid gave up: {error}", flush=True)
        return "given up"
    return "different"
