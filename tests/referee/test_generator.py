# SPDX-License-Identifier: Apache-2.0
"""The generated cases: every function, the same ones for the same seed, and the shrinking of what differs."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from airflow_provider_polaris.emulator.sql.functions import FUNCTIONS, aggregates

Load = Callable[[str], ModuleType]

#: Functions whose value nobody can compare: clocks, sketches, any one of the values, and druid-stats, which no
#: repository of jars has.
_NOT_COMPARED = {
    *("CURRENT_DATE", "CURRENT_TIMESTAMP", "ANY_VALUE", "DS_HLL", "DS_THETA", "DS_QUANTILES_SKETCH"),
    *("STDDEV", "STDDEV_POP", "STDDEV_SAMP", "VARIANCE", "VAR_POP", "VAR_SAMP"),
}


def test_every_function_of_the_emulator_is_generated(load: Load) -> None:
    """A run of the documented size has each function and operator."""
    generator = load("generator").Generator(1)
    signatures, aggregated = load("signatures"), load("aggregate_signatures")
    nodes = [*generator.expressions(2500), *generator.aggregates(500)]

    generated = {name for node in nodes for name in node.names()}
    assert generated >= {*FUNCTIONS, *aggregates.FUNCTIONS} - _NOT_COMPARED
    assert generated >= {*signatures.SPECIAL, *aggregated.SPECIAL_AGGREGATES}


def test_function_without_signature_is_named(load: Load) -> None:
    """A new function of the emulator can't be forgotten."""
    missing = load("signatures").missing

    assert missing(set(FUNCTIONS), set(aggregates.FUNCTIONS)) == []
    assert missing({*FUNCTIONS, "NEW_ONE"}, {*aggregates.FUNCTIONS, "NEW_SUM"}) == ["NEW_ONE", "NEW_SUM"]


def test_seed_repeats_the_cases(load: Load) -> None:
    """The printed seed gives the same run, another one another run."""
    generator, mutator = load("generator").Generator, load("syntax").Mutator

    assert [node.sql for node in generator(7).expressions(200)] == [node.sql for node in generator(7).expressions(200)]
    assert [node.sql for node in generator(7).expressions(200)] != [node.sql for node in generator(8).expressions(200)]
    assert [node.sql for node in mutator(7).cases(100)] == [node.sql for node in mutator(7).cases(100)]
    assert [node.sql for node in mutator(7).cases(100)] != [node.sql for node in mutator(8).cases(100)]


def test_mutation_changes_the_expression(load: Load) -> None:
    """Each group of replacements occurs, and none leaves the text as it was."""
    cases = list(load("syntax").Mutator(1).cases(1500))

    groups = {node.name.partition(" of ")[0] for node in cases}
    assert groups == {*load("mutations").GROUPS, "arguments"}
    assert len({node.sql for node in cases}) > 1250


def test_smaller_expression_is_found(load: Load) -> None:
    """Of a large expression, the part is left that differs."""
    cases, outcomes, referee = load("cases"), load("outcomes"), load("referee")

    class Side:
        def __init__(self, fault: str) -> None:
            self.fault = fault

        def select(self, sql: str) -> Any:
            expressions = sql.removeprefix("SELECT id, ").partition(" FROM t")[0].split(" AS c")[:-1]
            values = [1 if self.fault and self.fault in text else 0 for text in expressions]
            return outcomes.Answer(("id",), ("LONG",) * (len(values) + 1), ((0, *values),))

    leaf = cases.Node("", "string", "s")
    bad = cases.Node("LOWER", "string", "LOWER({0})", (leaf,))
    large = cases.Node(
        "CONCAT", "string", "CONCAT({0}, {1})", (cases.Node("UPPER", "string", "UPPER({0})", (bad,)), leaf)
    )
    judge = referee.Referee(Side(""), Side("LOWER(s)"), "t")

    (finding,) = judge.compare([large])
    assert finding.verdict == "other value"
    assert judge.shrink(finding).node.sql == "LOWER(s)"


def test_refused_expression_is_found_in_its_batch(load: Load) -> None:
    """One expression that is refused doesn't hide the answers to the others."""
    cases, outcomes, referee = load("cases"), load("outcomes"), load("referee")

    class Side:
        def select(self, sql: str) -> Any:
            if "BAD" in sql:
                return outcomes.Refusal("INVALID", "BAD")
            count = sql.count(" AS c")
            return outcomes.Answer(("id",), ("LONG",) * (count + 1), ((0, *[1] * count),))

    class Druid(Side):
        def select(self, sql: str) -> Any:
            return super().select(sql.replace("BAD", "GOOD"))

    nodes = [cases.Node("", "long", "BAD" if number == 13 else f"n{number}") for number in range(50)]
    findings = referee.Referee(Druid(), Side(), "t").compare(nodes)

    assert [finding.verdict for finding in findings] == ["called invalid" if at == 13 else "same" for at in range(50)]


def test_no_two_rows_have_the_same_time(load: Load) -> None:
    """EARLIEST of two rows with one time would be either of them."""
    rows = load("rows")

    made = rows.make_rows()
    assert len({row["__time"] for row in made}) == len(made) == rows.COUNT
    assert all(row.keys() == {"__time", *rows.COLUMNS} for row in made)
