# SPDX-License-Identifier: Apache-2.0
"""
Comparisons with a constant for which Druid's native filters and its expressions give different results.

OBSERVED(Druid 33): WHERE, HAVING, FILTER and a CASE in an aggregate become native filters, which convert a column
otherwise than CAST does: a text that is no number is below 5 and not equal to 12, a FLOAT is equal to 0.1, and -0.0 is
not equal to 0. What differs is refused, in the rows that have such a value where that is possible.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_constant, is_pi
from airflow_provider_polaris.emulator.sql.functions.optimizer.filtered_sums import without_casts
from airflow_provider_polaris.emulator.sql.values.java_numbers import (
    double_to_float,
    is_negative_zero,
    single_precision,
)
from airflow_provider_polaris.emulator.sql.values.values import NUMERIC, Sql, quote_text

_PLAIN_NUMBER = quote_text(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?")
_EXACT_LONG = 2**53
_LAST_LONG = 2**63 - 1


def checked(call: Call, operands: Sequence[Sql], kind: str, *, is_equality: bool) -> list[Sql]:
    """
    Refuse what a native filter compares in another way.

    :param call: The comparison.
    :param operands: Its operands, of type ``kind``.
    :param is_equality: Whether it is ``=``, ``<>`` or ``IN``.
    :return: The operands; one of them may fail in a row.
    :raises SqlNotSupported: The comparison has another result for every value.
    """
    fixed = [is_constant(node) for node in call.nodes[: len(operands)]]
    if not call.native or kind not in NUMERIC | {"string"}:
        return list(operands)
    if not any(fixed):
        _check_columns(call, len(operands), kind, is_equality=is_equality)
        return list(operands) if is_equality else _without_nan_and_both_zeros(call, operands, kind)
    constants = [call.value(index).constant for index, is_fixed in enumerate(fixed) if is_fixed]
    limits = [operand.text for operand, is_fixed in zip(operands, fixed, strict=True) if is_fixed]
    zeros = [
        operand.text for operand, is_fixed in zip(operands, fixed, strict=True) if is_fixed and not operand.constant
    ]
    result = []
    for index, operand in enumerate(operands):
        column = _column(call, index)
        value = column or call.value(index)
        differs, words = "", ""
        if fixed[index]:
            pass
        elif kind == "string":
            # The digits of a whole number are equal to its CAST if they are equal to the number.
            are_digits = "long" in (value.type, value.cast_from) and all(map(_are_digits, constants))
            if is_equality and NUMERIC & {value.type, value.cast_from} and not are_digits:
                raise call.refuse("of a text and a CAST of a number to VARCHAR")
        elif column is not None and column.type == "string":
            differs = f"NOT regexp_full_match({column.text}, {_PLAIN_NUMBER})"
            words = "of a number and a text that is no decimal number"
        elif value.type in ("double", "float") and kind == "long":
            differs = f"{value.text} <> trunc({value.text})"
            words = "of a number and a CAST of a fraction to BIGINT"
        elif kind == "long" and any(isinstance(each, int) and abs(each) >= _LAST_LONG for each in constants):
            raise call.refuse("of a column and the first or last number of 64 bits")
        elif value.type == "float" and is_equality and not all(map(_is_float, constants)):
            raise call.refuse("of a FLOAT and a number that is none, such as 0.1: use BETWEEN")
        elif value.type == "float" and column is None:
            differs = _rounds_across(operand.text, limits)
            words = "of a computed FLOAT and a number between it and its rounded value"
        elif value.type == "long" and kind == "double" and not all(map(_is_exact, constants)):
            raise call.refuse("of a BIGINT and a decimal number of 2^53 or more")
        elif value.type == "double" and is_equality and zeros:
            is_zero = " OR ".join(f"{zero} = 0" for zero in zeros)
            differs, words = f"{is_negative_zero(operand.text)} AND ({is_zero})", "of -0.0 and 0"
        result.append(Sql(call.without(operand.text, differs, words), operand.type) if differs else operand)
    return result


def _rounds_across(text: str, limits: Sequence[str]) -> str:
    """
    Return the condition that a number and the nearest FLOAT are not on the same side of each limit.

    OBSERVED(Druid 33): the filter rounds the FLOAT that it computes, and the row of a result isn't compared rounded.
    """
    sides = " OR ".join(
        f"(__value {sign} {limit}) <> (__float {sign} {limit})" for limit in limits for sign in ("<", ">")
    )
    each = f"list_transform([{double_to_float('__value')}], lambda __float: {sides})[1]"
    return f"list_transform([{text}], lambda __value: {each})[1]"


def _without_nan_and_both_zeros(call: Call, operands: Sequence[Sql], kind: str) -> list[Sql]:
    """
    Refuse to order NaN, and -0.0 and 0.0.

    OBSERVED(Druid 33): the zeros are equal to Druid's filter and not to its expressions. NaN is the largest number for
    rows, and neither larger nor smaller than others where Druid computes a batch of rows: for groups and aggregates.
    """
    first, *others = operands
    if kind not in ("double", "float"):
        return list(operands)
    zeros = " OR ".join(f"({other.text} = 0 AND signbit({other.text}) <> signbit({first.text}))" for other in others)
    text = call.without(first.text, f"{first.text} = 0 AND ({zeros})", "of -0.0 and 0.0")
    is_nan = " OR ".join(f"isnan({operand.text})" for operand in operands)
    return [Sql(call.without(text, is_nan, "of NaN"), first.type), *others]


def _check_columns(call: Call, count: int, kind: str, *, is_equality: bool) -> None:
    """
    Refuse to compare numbers in columns of text, which Druid's filter compares as text.

    OBSERVED(Druid 33): ``=`` of a number and such a column gives the same. ``<`` doesn't.
    """
    if kind not in NUMERIC:
        return
    columns = [_column(call, index) for index in range(count)]
    if sum(column is not None and column.type == "string" for column in columns) > is_equality:
        raise call.refuse("of numbers in two columns of text" if is_equality else "of a column and a number in a text")


def _column(call: Call, index: int) -> Sql | None:
    """
    Return the column under CAST and ``+ 0``, which Druid's optimizer removes; None if it is another expression.

    :raises SqlNotSupported: The CAST is in a subquery.
    """
    node = _under_casts(call.nodes[index])
    if not isinstance(node, exp.Column) or is_pi(node):
        return None
    source = call.source(node)
    if source is not None and isinstance(_under_casts(source), exp.Column):
        raise call.refuse("of a constant and a CAST in a subquery: write the CAST in the condition")
    return call.translate(node)


def _under_casts(node: exp.Expression) -> exp.Expression:
    node = without_casts(node)
    while isinstance(node, exp.Add) and isinstance(node.expression, exp.Literal) and node.expression.this == "0":
        node = without_casts(node.this)
    return node


def _is_float(constant: object) -> bool:
    """Whether a number is a FLOAT exactly."""
    if not isinstance(constant, (int, float)):
        return False
    try:
        return single_precision(constant) == constant
    except OverflowError:
        return False


def _are_digits(constant: object) -> bool:
    """Whether a text is the one that CAST makes of some whole number."""
    return isinstance(constant, str) and re.fullmatch("0|-?[1-9][0-9]{0,17}", constant) is not None


def _is_exact(constant: object) -> bool:
    """Whether a number, and each one next to it, is exact as a double."""
    return isinstance(constant, int) or (isinstance(constant, float) and abs(constant) < _EXACT_LONG)
