# SPDX-License-Identifier: Apache-2.0
"""The comparison of what Druid and the emulator answer: exact, and strict about refusals."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

Load = Callable[[str], ModuleType]


def answer(outcomes: ModuleType, *values: Any, kind: str = "LONG") -> Any:
    rows = tuple(enumerate(values))
    return outcomes.Answer(("key", "value"), ("LONG", kind), rows)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 2),
        (1, None),
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        (0.1, 0.10000000000000002),
        ("a", "A"),
        ("", None),
        ("1.5", "1.50"),
        ([1], [2]),
        ([1], [1, 2]),
        ("1.0E7", "1.0E8"),
    ],
)
def test_other_value_is_noticed(load: Load, left: Any, right: Any) -> None:
    """Values differ by type, by the last bit and by NULL."""
    outcomes = load("outcomes")

    assert outcomes.judge(answer(outcomes, 5, left), answer(outcomes, 5, left)) == "same"
    assert outcomes.judge(answer(outcomes, 5, left), answer(outcomes, 5, right)) == "other value"
    assert outcomes.judge(answer(outcomes, 5, right), answer(outcomes, 5, left)) == "other value"


def test_rows_are_compared_by_their_key(load: Load) -> None:
    """The order of rows doesn't count; a missing row and a row too many do."""
    outcomes = load("outcomes")
    three = outcomes.Answer(("key", "value"), ("LONG", "LONG"), ((1, 10), (2, 20), (3, 30)))
    turned = outcomes.Answer(("key", "value"), ("LONG", "LONG"), ((3, 30), (1, 10), (2, 20)))
    two = outcomes.Answer(("key", "value"), ("LONG", "LONG"), ((1, 10), (2, 20)))

    assert outcomes.judge(three, turned) == "same"
    assert outcomes.judge(three, two) == "other value"
    assert outcomes.judge(two, three) == "other value"
    assert outcomes.differing_rows(three, two) == [(3, (30,), None)]


def test_other_type_is_noticed(load: Load) -> None:
    """A long and a double with the same values are different columns."""
    outcomes = load("outcomes")

    assert outcomes.judge(answer(outcomes, None), answer(outcomes, None, kind="DOUBLE")) == "other type"


@pytest.mark.parametrize(
    ("kind", "message", "verdict"),
    [
        ("UNSUPPORTED", "function 'X' is not supported", "not supported"),
        ("FAILED", "the query failed: a value beyond the emulator's range is not supported.", "not supported"),
        ("FAILED", "the query failed: something else.", "called invalid"),
        ("INVALID", "Column 'x' not found", "called invalid"),
        ("CRASHED", "KeyError()", "called invalid"),
    ],
)
def test_refusal_of_what_druid_answers_has_to_be_by_name(load: Load, kind: str, message: str, verdict: str) -> None:
    """The emulator may lack something, and has to say so."""
    outcomes = load("outcomes")

    assert outcomes.judge(answer(outcomes, 1), outcomes.Refusal(kind, message)) == verdict


def test_druid_without_memory_is_no_judge(load: Load) -> None:
    """It neither refuses nor answers."""
    outcomes = load("outcomes")
    limited = outcomes.Refusal("INVALID_INPUT", "Not enough merge buffer memory to execute this query.")
    assert outcomes.judge(limited, answer(outcomes, 1)) == "no memory"


def test_answer_to_what_druid_refuses_is_lenient(load: Load) -> None:
    """A test that passes on the emulator must not fail in production."""
    outcomes = load("outcomes")
    refusal = outcomes.Refusal("INVALID_INPUT", "no")

    assert outcomes.judge(refusal, answer(outcomes, 1)) == "lenient"
    assert outcomes.judge(refusal, outcomes.Refusal("INVALID", "no")) == "both refuse"
    assert not {"lenient", "called invalid", "other value", "other type"} & outcomes.CONTENT


def test_tolerance_is_narrow(load: Load) -> None:
    """Three units in the last place of a logarithm, a tenth of an estimate; nothing more."""
    outcomes = load("outcomes")
    ulps, share = outcomes.Tolerance(ulps=3), outcomes.Tolerance(share=0.1)

    assert outcomes.is_same(1.0, 1.0000000000000004, ulps)
    assert not outcomes.is_same(1.0, 1.0000000000000016, ulps)
    assert not outcomes.is_same("NaN", 1.0, ulps)
    assert outcomes.is_same(100, 89, share)
    assert not outcomes.is_same(100, 87, share)


def test_digits_of_a_double_as_text_depend_on_the_jdk(load: Load) -> None:
    """JDK 17 writes a digit more than JDK 19; another number is another value all the same."""
    is_same = load("outcomes").is_same

    assert is_same("9.2233720368547748E18x", "9.223372036854775E18x")
    assert not is_same("9.2233720368547748E18", "9.22337203685477E18")
