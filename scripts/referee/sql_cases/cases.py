# SPDX-License-Identifier: Apache-2.0
"""An expression as a tree, so that what differs can be made smaller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Node:
    """
    A part of an expression.

    :param name: Function, operator, or ``""`` for a column or literal.
    :param kind: Kind of its value, one of :mod:`signatures`.
    :param template: Its SQL with ``{0}``, ``{1}`` ... for the parts; of a column or literal the SQL itself.
    :param parts: The parts.
    :param is_aggregate: Whether it is an aggregate.
    """

    name: str
    kind: str
    template: str
    parts: tuple[Node, ...] = ()
    is_aggregate: bool = False

    @property
    def sql(self) -> str:
        """The SQL of the whole."""
        return self.template.format(*(part.sql for part in self.parts)) if self.parts else self.template

    @property
    def size(self) -> int:
        """The number of nodes."""
        return 1 + sum(part.size for part in self.parts)

    @property
    def has_aggregate(self) -> bool:
        """Whether it is or contains an aggregate."""
        return self.is_aggregate or any(part.has_aggregate for part in self.parts)

    def nodes(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        yield self
        for part in self.parts:
            yield from part.nodes()

    def names(self) -> set[str]:
        """Return the functions and operators that occur."""
        return {node.name for node in self.nodes() if node.name}

    def smaller(self) -> Iterator[Node]:
        """Yield expressions with fewer nodes: each part alone, and this with one part made smaller or dropped."""
        yield from (part for part in self.parts if part.parts or part.template[:1] not in "'-0123456789")
        for index, part in enumerate(self.parts):
            for other in part.smaller():
                if other.kind == part.kind:
                    yield self._with(index, other)
            for inner in part.parts:
                for deep in inner.nodes():
                    if deep.kind == part.kind and deep.size < part.size:
                        yield self._with(index, deep)

    def simpler(self, leaves: dict[str, list[str]]) -> Iterator[Node]:
        """Yield this with one part that has parts of its own replaced by a column or literal of its kind."""
        for index, part in enumerate(self.parts):
            if part.parts:
                for sql in leaves.get(part.kind, []):
                    yield self._with(index, Node("", part.kind, sql))
                for other in part.simpler(leaves):
                    yield self._with(index, other)

    def _with(self, index: int, part: Node) -> Node:
        return replace(self, parts=(*self.parts[:index], part, *self.parts[index + 1 :]))
