# SPDX-License-Identifier: Apache-2.0
"""The part *syntax*: what Druid refuses the emulator refuses, and what Druid takes it never calls invalid."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from cases import Node
from druid_client import Druid
from emulator_side import EmulatorSide
from expressions import prepare, show
from generator import Generator
from literals import COLUMNS, LITERALS
from mutations import GROUPS

#: Kinds whose columns and literals take the place of an argument of another kind.
_STRANGERS = ("string", "long", "double", "float", "timestamp", "boolean", "count", "period", "unit", "span")


class Mutator:
    """
    Mutates generated expressions; the same seed gives the same cases.

    :param seed: Starts the sequence.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._generator = Generator(seed)

    def cases(self, count: int) -> Iterator[Node]:
        """Yield mutated expressions; their name is the kind of mutation and the function that was mutated."""
        made = 0
        while made < count:
            for node in self._generator.simple(count):
                name, text = self._mutate(node)
                if text and text != node.sql:
                    made += 1
                    yield Node(f"{name} of {node.name}", node.kind, text, is_aggregate=node.has_aggregate)
                if made == count:
                    return

    def _mutate(self, node: Node) -> tuple[str, str]:
        name = self._random.choice((*GROUPS, "arguments", "arguments"))
        if name == "arguments":
            return name, self._arguments(node).sql
        if name == "shape" and node.kind in ("rough", "estimate"):
            return name, ""  # text of a number whose last digit may differ
        fitting = [(regex, texts) for regex, texts in GROUPS[name].items() if re.search(regex, node.sql)]
        if not fitting:
            return name, ""
        regex, texts = self._random.choice(fitting)
        return name, re.sub(regex, self._random.choice(texts), node.sql, count=1)

    def _arguments(self, node: Node) -> Node:
        """Drop, repeat, swap or replace arguments."""
        parts = list(node.parts)
        if not parts:
            return node
        at = self._random.randrange(len(parts))
        change = self._random.choice(("drop", "repeat", "swap", "null", "stranger", "stranger", "stranger"))
        if change == "drop":
            parts.pop(at)
        elif change == "repeat":
            parts.append(parts[at])
        elif change == "swap":
            parts[at], parts[0] = parts[0], parts[at]
        else:
            kind = self._random.choice(_STRANGERS)
            texts = ["NULL"] if change == "null" else [*COLUMNS.get(kind, []), *LITERALS.get(kind, [])]
            parts[at] = Node("", kind, self._random.choice(texts))
        if change in ("drop", "repeat"):
            if not node.template.startswith(f"{node.name}("):
                return node
            template = f"{node.name}({', '.join(f'{{{index}}}' for index in range(len(parts)))})"
            return replace(node, parts=tuple(parts), template=template)
        return replace(node, parts=tuple(parts))


def run_syntax(druids: Mapping[str, Druid], emulator: EmulatorSide, seed: int, count: int) -> bool:
    """Compare mutated expressions and report; True if nothing differs."""
    referee = prepare(druids["33"], emulator)
    findings = referee.compare(list(Mutator(seed).cases(count)), batch=1)
    return show(referee, findings)
