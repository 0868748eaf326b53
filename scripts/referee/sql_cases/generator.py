# SPDX-License-Identifier: Apache-2.0
"""Random expressions of the right types; the same seed gives the same expressions."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from aggregate_signatures import AGGREGATES, SPECIAL_AGGREGATES
from cases import Node
from literals import COLUMNS, LITERALS, SCALARS
from signatures import FUNCTIONS, SPECIAL

Producer = tuple[str, str, list[str], str]
"""Name, template (or ``""`` for a call), kinds of the arguments, kind of the value."""


class Generator:
    """
    Generates expressions.

    :param seed: Starts the sequence.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._scalars = _producers(FUNCTIONS, SPECIAL)
        self._aggregates = _producers(AGGREGATES, SPECIAL_AGGREGATES)
        self._by_kind: dict[str, list[Producer]] = {}
        for name, template, kinds, result in self._scalars:
            for kind in SCALARS if result == "T" else [result]:
                exact = [kind if argument == "T" else argument for argument in kinds] if result == "T" else kinds
                self._by_kind.setdefault(kind, []).append((name, template, exact, kind))

    def expressions(self, count: int) -> Iterator[Node]:
        """Yield expressions; each function and operator is the outermost one equally often."""
        for number in range(count):
            yield self._build(self._scalars[number % len(self._scalars)], self._random.choice((0, 0, 1, 1, 2)), False)

    def simple(self, count: int) -> Iterator[Node]:
        """Yield functions and operators over columns and literals, in random order."""
        producers = [*self._scalars, *self._scalars, *self._aggregates]
        for _ in range(count):
            producer = self._random.choice(producers)
            yield self._build(producer, 0, producer in self._aggregates)

    def aggregates(self, count: int) -> Iterator[Node]:
        """Yield aggregates over columns and simple expressions."""
        for number in range(count):
            yield self._build(self._aggregates[number % len(self._aggregates)], self._random.choice((0, 0, 1)), True)

    def values(self, kind: str, count: int) -> Iterator[Node]:
        """Yield values of a kind, such as conditions, over columns and literals."""
        for _ in range(count):
            yield self._part(kind, 1)

    def _build(self, producer: Producer, depth: int, is_aggregate: bool) -> Node:
        name, template, kinds, result = producer
        same = self._random.choice(SCALARS)
        kinds, result = [kind.replace("T", same) for kind in kinds], result.replace("T", same)
        parts: list[Node] = []
        for kind in kinds:
            bare = kind.rstrip("?+")
            if kind.endswith("?") and self._random.random() < 0.5:
                break
            parts += [self._part(bare, depth) for _ in range(self._random.choice((1, 1, 2)) if kind[-1] == "+" else 1)]
        if not template:
            template = f"{name}({', '.join(f'{{{index}}}' for index in range(len(parts)))})"
        return Node(name, result, template, tuple(parts), is_aggregate)

    def _part(self, kind: str, depth: int) -> Node:
        producers = self._by_kind.get(kind)
        if depth > 0 and producers and self._random.random() < 0.7:
            return self._build(self._random.choice(producers), depth - 1, False)
        columns, literals = COLUMNS.get(kind, []), LITERALS.get(kind, [])
        if kind == "boolean":
            return self._build(self._random.choice(self._by_kind[kind]), 0, False)
        use_column = columns and (not literals or self._random.random() < 0.75)
        return _leaf(kind, self._random.choice(columns if use_column else literals))


def _leaf(kind: str, sql: str) -> Node:
    return Node("", kind, sql)


def _producers(
    functions: Mapping[str, Sequence[str]], special: Mapping[str, tuple[str, Sequence[str]]]
) -> list[Producer]:
    found: list[Producer] = []
    for name, template, signatures in (
        *((name, "", signatures) for name, signatures in functions.items()),
        *((name, template, signatures) for name, (template, signatures) in special.items()),
    ):
        for signature in signatures:
            kinds, _, result = signature.partition("->")
            found.append((name, template, kinds.split(), result.strip()))
    return found
