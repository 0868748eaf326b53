# SPDX-License-Identifier: Apache-2.0
"""Run expressions on Druid and on the emulator, compare what comes out, and make smaller what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cases import Node
from literals import COLUMNS, LITERALS
from outcomes import CONTENT, EXACT, Answer, Outcome, Refusal, Tolerance, Verdict, judge
from rows import COUNT

#: Expressions in one SELECT.
BATCH = 40
#: Expressions that are tried in one step of the shrinking.
CANDIDATES = 60
#: By how many units in the last place the functions of libm may differ; Java's documentation allows 1, or 2 for some.
ULPS = 3

#: Druid counts distinct values by HyperLogLog with 2,048 buckets; its documented error is 2 %, more for few values.
SHARE = 0.1
#: Rows in one SELECT for an expression that failed in a row.
ROWS = 8


class Side(Protocol):
    """What answers a SELECT."""

    def select(self, sql: str) -> Outcome:
        """Run a SELECT."""


@dataclass(frozen=True)
class Finding:
    """
    The two ends of one expression.

    :param node: The expression.
    """

    node: Node
    verdict: Verdict
    druid: Outcome
    emulator: Outcome


class Referee:
    """
    Compares two sides.

    :param druid: The side that is right.
    :param emulator: The side that is judged.
    :param table: A table that both have, with the rows of :mod:`rows`.
    :param groups: Key of the rows of aggregates, and what follows GROUP BY.
    """

    def __init__(self, druid: Side, emulator: Side, table: str, groups: tuple[str, str] = ("g", "g")) -> None:
        self._druid = druid
        self._emulator = emulator
        self.table = table
        self._groups = groups

    def grouped_by(self, clause: str) -> Referee:
        """Return a referee of the same sides that groups by ROLLUP, CUBE or GROUPING SETS of the columns g and i."""
        texts = "COALESCE(g, 'NULL'), '/', COALESCE(CAST(i AS VARCHAR), 'NULL')"
        key = f"CONCAT(CAST(GROUPING(g, i) AS VARCHAR), '/', {texts})"
        return Referee(self._druid, self._emulator, self.table, (key, clause))

    def compare(self, nodes: Sequence[Node], batch: int = BATCH) -> list[Finding]:
        """Run expressions on both sides, many in one SELECT."""
        findings: list[Finding] = []
        for start in range(0, len(nodes), batch):
            some = nodes[start : start + batch]
            ends = zip(some, self._outcomes(self._druid, some), self._outcomes(self._emulator, some), strict=True)
            findings += (self._finding(node, druid, emulator) for node, druid, emulator in ends)
        return findings

    def _finding(self, node: Node, druid: Outcome, emulator: Outcome) -> Finding:
        """Judge two ends. If the emulator failed in a row, the other rows are compared too."""
        finding = Finding(node, judge(druid, emulator, tolerance(node)), druid, emulator)
        failed = isinstance(emulator, Refusal) and emulator.kind == "FAILED"
        if finding.verdict not in CONTENT or not failed or node.has_aggregate:
            return finding
        for start in range(0, COUNT, ROWS):
            where = f" WHERE id BETWEEN {start} AND {start + ROWS - 1}"
            ((some,), (other,)) = (
                ([druid] if isinstance(druid, Answer) else self._outcomes(self._druid, [node], where)),
                self._outcomes(self._emulator, [node], where),
            )
            if isinstance(some, Answer):
                some = replace(some, rows=tuple(row for row in some.rows if start <= row[0] < start + ROWS))
            verdict = judge(some, other, tolerance(node))
            if verdict not in CONTENT:
                return Finding(node, verdict, some, other)
        return finding

    def shrink(self, finding: Finding) -> Finding:
        """Return the smallest expression with the same verdict that a search from this one meets."""
        leaves = {kind: [*COLUMNS.get(kind, []), *LITERALS.get(kind, [])] for kind in {*COLUMNS, *LITERALS}}
        while True:
            node = finding.node
            candidates = {
                other.sql: other
                for other in (*node.smaller(), *node.simpler(leaves))
                if other.size < node.size and other.has_aggregate == node.has_aggregate
            }
            smallest = sorted(candidates.values(), key=lambda other: (other.size, len(other.sql)))[:CANDIDATES]
            same = [found for found in self.compare(smallest) if found.verdict == finding.verdict]
            if not same:
                return finding
            finding = same[0]

    def _outcomes(self, side: Side, nodes: Sequence[Node], where: str = "") -> list[Outcome]:
        """Run one SELECT; if it is refused, each half alone, until the expression is found that is refused."""
        if not nodes:
            return []
        outcome = side.select(self.sql(nodes, where))
        if isinstance(outcome, Answer):
            return [
                Answer(
                    ("key", "value"),
                    (outcome.types[0], outcome.types[at]),
                    tuple((row[0], row[at]) for row in outcome.rows),
                )
                for at in range(1, len(nodes) + 1)
            ]
        if len(nodes) == 1:
            return [outcome]
        middle = len(nodes) // 2
        return [*self._outcomes(side, nodes[:middle], where), *self._outcomes(side, nodes[middle:], where)]

    def sql(self, nodes: Sequence[Node], where: str = "") -> str:
        """Return the SELECT of expressions, by row, or of aggregates, by group."""
        columns = ", ".join(f"{node.sql} AS c{number}" for number, node in enumerate(nodes, 1))
        key, clause = self._groups if nodes[0].has_aggregate else ("id", "")
        return f"SELECT {key}, {columns} FROM {self.table}{where}{f' GROUP BY {clause}' if clause else ''}"


def tolerance(node: Node) -> Tolerance:
    """Return by how much the values of an expression may differ."""
    return {"rough": Tolerance(ulps=ULPS), "estimate": Tolerance(share=SHARE)}.get(node.kind, EXACT)


def faults(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with which the referee is not content."""
    return [finding for finding in findings if finding.verdict not in CONTENT]
