# SPDX-License-Identifier: Apache-2.0
"""The part *statements*: conditions and CASTs that the optimizer moves between clauses and subqueries."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from druid_client import Druid
from emulator_side import EmulatorSide
from expressions import prepare
from generator import Generator
from literals import COLUMNS, LITERALS
from outcomes import CONTENT, Answer, Outcome, judge
from report import describe_outcomes

_SIGNS = ("=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM")
#: Kinds of columns whose values a condition compares with literals.
_KINDS = ("string", "long", "double", "float", "timestamp", "count", "number_text")
#: Types of a CAST in a subquery, with the kind of the literals that it is compared with.
_CASTS = {"BIGINT": "count", "DOUBLE": "double", "VARCHAR": "number_text", "FLOAT": "double"}


class Statements:
    """
    Generates statements; the same seed gives the same ones.

    :param seed: Starts the sequence.
    :param table: The table that they read.
    """

    def __init__(self, seed: int, table: str) -> None:
        self._random = random.Random(seed)
        self._generator = Generator(seed)
        self._table = table
        self._shapes: tuple[Callable[[], str], ...] = (
            *(self._where, self._order, self._equal_names, self._cast_in_subquery),
            *(self._sum_of_case, self._sum_of_case_in_subquery, self._having, self._join),
        )

    def cases(self, count: int) -> Iterator[tuple[str, str]]:
        """Yield the name of a shape and a statement; each shape equally often. The first column is a key."""
        for number in range(count):
            shape = self._shapes[number % len(self._shapes)]
            yield shape.__name__.strip("_"), shape()

    def _where(self) -> str:
        (node,) = self._generator.values("boolean", 1)
        return f"SELECT id, n AS v FROM {self._table} WHERE {node.sql}"

    def _order(self) -> str:
        column = self._random.choice(("__time", "n", "s", "id"))
        return f"SELECT id FROM {self._table} WHERE {self._conditions()} ORDER BY {column}"

    def _equal_names(self) -> str:
        names = [self._random.choice(("a", "b")) for _ in range(3)]
        chosen = self._random.sample(("n", "i", "m", "s", "u", "d"), 3)
        columns = ", ".join(f"{column} AS {name}" for column, name in zip(chosen, names, strict=True))
        tail = self._random.choice(("", "", " ORDER BY __time", " ORDER BY a"))
        return f"SELECT id, {columns} FROM {self._table}{tail}"

    def _cast_in_subquery(self) -> str:
        kind, target = self._random.choice(("number_text", "long", "double", "float")), self._random.choice([*_CASTS])
        column = self._random.choice(COLUMNS[kind])
        inner = self._random.choice((f"CAST({column} AS {target})", f"{column} + 0", column))
        literal = self._random.choice(LITERALS[_CASTS[target]])
        limit = self._random.choice(("", "", " LIMIT 1000"))
        sub = f"SELECT id, {inner} AS v FROM {self._table}{limit}"
        return f"SELECT id, v FROM ({sub}) WHERE v {self._random.choice(_SIGNS)} {literal}"

    def _sum_of_case(self) -> str:
        case = f"CASE WHEN {self._condition()} THEN {self._random.choice(('id', 'i', '2', '1', '1'))} ELSE 0 END"
        source = f"FROM {self._table} WHERE {self._conditions()}"
        # Without keys there is a row for no rows, too.
        return (
            f"SELECT g, SUM({case}) AS v {source} GROUP BY g"
            if self._random.random() < 0.5
            else (f"SELECT 1 AS k, SUM({case}) AS v, COUNT(*) AS c {source}")
        )

    def _sum_of_case_in_subquery(self) -> str:
        case = f"CASE WHEN {self._condition()} THEN i ELSE 0 END"
        name = self._random.choice(("SUM", "SUM", "MAX", "COUNT"))
        return f"SELECT g, {name}(v) AS v FROM (SELECT g, {case} AS v FROM {self._table}) GROUP BY g"

    def _having(self) -> str:
        aggregate = self._random.choice(("SUM(i)", "COUNT(*)", "MAX(n)", "MIN(d)", "MAX(f)", "SUM(e)"))
        literal = self._random.choice((*LITERALS["count"], *LITERALS["double"]))
        condition = f"{aggregate} {self._random.choice(_SIGNS)} {literal}"
        return f"SELECT g, COUNT(*) AS v FROM {self._table} GROUP BY g HAVING {condition}"

    def _join(self) -> str:
        """Join the table with itself; the number of rows and sums, because a row has no key of its own."""
        word = self._random.choice(("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"))
        conditions = [self._join_condition() for _ in range(self._random.choice((1, 1, 2)))]
        terms = ["a.id = b.id", *conditions][self._random.choice((0, 1)) :]
        on = self._random.choice((" AND ", " AND ", " OR ")).join(terms)
        return (
            f"SELECT COUNT(*) AS v, COUNT(a.id) AS l, COUNT(b.id) AS r, SUM(a.id) AS s FROM {self._table} a {word} "
            f"{self._table} b ON {on}"
        )

    def _join_condition(self) -> str:
        kind = self._random.choice(("string", "long", "count", "timestamp", "double"))
        columns = [column for column in COLUMNS[kind] if column.isidentifier()]
        left, right = (f"{side}.{self._random.choice(columns)}" for side in self._random.sample(("a", "b"), 2))
        right = self._random.choice((right, right, right, self._random.choice(LITERALS[kind])))
        return f"{left} {self._random.choice(('=', '=', '=', *_SIGNS))} {right}"

    def _conditions(self) -> str:
        return self._random.choice((" AND ", " OR ", " AND ")).join(
            self._condition() for _ in range(self._random.choice((1, 2, 2, 3)))
        )

    def _condition(self) -> str:
        kind = self._random.choice(_KINDS)
        column, literals = COLUMNS[kind][0], LITERALS[kind]
        left = self._random.choice((column, column, column, self._random.choice(literals)))
        if self._random.random() < 0.2:
            return f"{left} IS {self._random.choice(('NULL', 'NOT NULL'))}"
        return f"{left} {self._random.choice(_SIGNS)} {self._random.choice(literals)}"


def run_statements(druids: Mapping[str, Druid], emulator: EmulatorSide, seed: int, count: int) -> bool:
    """Compare the rows, types and names of statements and report; True if nothing differs."""
    druid = druids["33"]
    table = prepare(druid, emulator).table
    verdicts: Counter[str] = Counter()
    for name, sql in Statements(seed, table).cases(count):
        outcomes = druid.select(sql), emulator.select(sql)
        verdict = _verdict(*outcomes)
        verdicts[verdict] += 1
        if verdict not in CONTENT:
            print(f"\n{verdict}, {name}: {sql}\n{describe_outcomes(*outcomes)}", flush=True)
    print(", ".join(f"{number} {verdict}" for verdict, number in verdicts.most_common()), flush=True)
    return CONTENT.issuperset(verdicts)


def _verdict(druid: Outcome, emulator: Outcome) -> str:
    if isinstance(druid, Answer) and isinstance(emulator, Answer) and druid.names != emulator.names:
        return "other names"
    return judge(druid, emulator)
