# SPDX-License-Identifier: Apache-2.0
"""The report of a run: how many cases ended how, and the smallest expression of each kind of difference."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from outcomes import EXACT, Answer, Outcome, Refusal, Tolerance, differing_rows
from referee import Finding, tolerance


def kind_of(finding: Finding) -> tuple[str, ...]:
    """Return what makes two faults the same kind: verdict, outermost function, and the message without its values."""
    message = finding.emulator.message if isinstance(finding.emulator, Refusal) else ""
    return (finding.verdict, finding.node.name, _plain(message))


def kinds(findings: Iterable[Finding]) -> dict[tuple[str, ...], list[Finding]]:
    """Group faults by kind, the smallest expression first."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        groups.setdefault(kind_of(finding), []).append(finding)
    return {kind: sorted(group, key=lambda one: (one.node.size, len(one.node.sql))) for kind, group in groups.items()}


def describe(finding: Finding) -> str:
    """Describe a fault: the expression, both ends, and the first row that differs."""
    shown = describe_outcomes(finding.druid, finding.emulator, tolerance(finding.node))
    return f"{finding.verdict}: {finding.node.sql}\n{shown}"


def describe_outcomes(druid: Outcome, emulator: Outcome, allowed: Tolerance = EXACT) -> str:
    """Describe what differs between two ends."""
    lines = []
    if isinstance(druid, Answer) and isinstance(emulator, Answer):
        if druid.types != emulator.types:
            lines.append(f"  Druid's types {druid.types[1:]}, the emulator's {emulator.types[1:]}")
        if druid.names != emulator.names:
            lines.append(f"  Druid's names {druid.names}, the emulator's {emulator.names}")
        different = differing_rows(druid, emulator, allowed)
        for key, left, right in different[:3]:
            lines.append(f"  row {key!r}: Druid {_value(left)}, emulator {_value(right)}")
        lines.append(f"  {len(different)} of {len(druid.rows)} rows differ")
    else:
        lines += [f"  Druid: {_end(druid)}", f"  emulator: {_end(emulator)}"]
    return "\n".join(lines)


def summary(findings: Sequence[Finding]) -> str:
    """Count the verdicts, and the refusals by name."""
    counts = Counter(finding.verdict for finding in findings)
    lines = [", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())]
    names = Counter(
        _plain(finding.emulator.message)
        for finding in findings
        if finding.verdict == "not supported" and isinstance(finding.emulator, Refusal)
    )
    lines += [f"  {count:5} {message}" for message, count in names.most_common()]
    return "\n".join(lines)


def _plain(message: str) -> str:
    """Drop the values from a message, so that messages of one kind are equal."""
    return re.sub(r"-?\d+(\.\d+)?", "N", re.sub(r" in '.*'$| in '.*?' is", " in ... is", message))[:160]


def _value(row: object) -> str:
    return repr(row[0]) if isinstance(row, tuple) and row else "no row"


def _end(end: Answer | Refusal) -> str:
    if isinstance(end, Refusal):
        return f"{end.kind}: {' '.join(end.message.split())[:300]}"
    return f"answers, such as {[row[-1] for row in end.rows[:3]]!r}"
