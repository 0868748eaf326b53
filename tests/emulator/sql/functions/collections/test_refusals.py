# SPDX-License-Identifier: Apache-2.0
"""What Druid refuses is refused, and what has no exact result here is named as not supported."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pytest

from tests.emulator.sql.observed_rows import ObservedRows

REPLACED = "multi-value column 'mv' is not supported beside a condition in WHERE that it is one value: use MV_CONTAINS"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        # OBSERVED(Druid 33): refused, in other words.
        ("ARRAY[]", "Require at least 1 argument"),
        ("ARRAY['a', 1]", "Parameters must be of the same type"),
        (
            "ARRAY_CONTAINS(n, 1)",
            "Cannot apply 'ARRAY_CONTAINS' to arguments of type 'ARRAY_CONTAINS(<BIGINT>, <BIGINT>)'",
        ),
        ("ARRAY_CONCAT(sa, sa, sa)", "Invalid number of arguments to function 'ARRAY_CONCAT': expected 2, got 3"),
        (
            "SCALAR_IN_ARRAY('x', s)",
            "Cannot apply 'SCALAR_IN_ARRAY' to arguments of type 'SCALAR_IN_ARRAY(<VARCHAR>, <VARCHAR>)'",
        ),
        (
            "MV_TO_ARRAY(UPPER(mv))",
            "Function[mv_to_array] argument should be an identifier expression. Use array() instead",
        ),
        ("UPPER(sa)", "Cannot apply 'UPPER' to arguments of type 'UPPER(<VARCHAR ARRAY>)'"),
        ("sa = s", "Cannot apply '=' to arguments of type '=(<VARCHAR ARRAY>, <VARCHAR>)'"),
        ("MAX(la)", "Cannot apply 'MAX' to arguments of type 'MAX(<BIGINT ARRAY>)'"),
        ("ARRAY_AGG(s, 9)", "function 'ARRAY_AGG' needs a maximum of 10 bytes or more, not 9"),
        ("STRING_AGG(s)", "Invalid number of arguments to function 'STRING_AGG': expected 2 to 3, got 1"),
        ("ARRAY_CONCAT_AGG(s)", "Cannot apply 'ARRAY_CONCAT_AGG' to arguments of type 'ARRAY_CONCAT_AGG(<VARCHAR>)'"),
        ("SELECT 1 FROM t, UNNEST(s) AS v(x)", "Cannot apply 'UNNEST' to arguments of type 'UNNEST(<VARCHAR>)'"),
        ("SELECT 1 FROM t, UNNEST(sa) AS v(x, y)", "UNNEST has 1 column, and 'v' names 2"),
    ],
)
def test_what_druid_refuses_is_invalid(refused: Callable[[str], str], expression: str, message: str) -> None:
    """A query that passes here passes in production."""
    assert refused(expression) == f"invalid: {message}"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        # OBSERVED(Druid 33): refused when the query runs, or depending on the optimizer.
        ("ARRAY_CONTAINS(ARRAY[s], s)", "column 's' is not supported as an array and as a value in one expression"),
        (
            "CASE WHEN s = 'a' THEN MV_LENGTH(s) END",
            "column 's' is not supported as an array and as a value in one expression",
        ),
        (
            "CASE WHEN n > 1 THEN sa ELSE ARRAY_SLICE(sa, 0) END",
            "column 'sa' is not supported as an array and as a value in one expression",
        ),
        ("ARRAY_APPEND(ARRAY['a'], '')", "function 'ARRAY_APPEND' is not supported with constants only"),
        ("ARRAY_APPEND(ARRAY[s], 'b')", "function 'ARRAY_APPEND' is not supported with an ARRAY that has no literal"),
        (
            "ARRAY_SLICE(ARRAY[s, 'b'], 5) IS NULL",
            "function 'ARRAY_SLICE' of an ARRAY is not supported where NULL has a meaning",
        ),
        (
            "ARRAY_CONTAINS(sa, ARRAY_SLICE(sa, 1))",
            "function 'ARRAY_CONTAINS' is not supported with a function as the second array",
        ),
        ("NULLIF(sa, ARRAY['b'])", "function 'NULLIF' is not supported for VARCHAR ARRAY"),
        ("COALESCE(sa, sa)", "function 'COALESCE' is not supported with the same array everywhere"),
        ("COALESCE(la, da)", "function 'COALESCE' is not supported with arrays of different types"),
        ("la = da", "function '=' is not supported with arrays of different types"),
        ("sa BETWEEN sa AND sa", "function 'BETWEEN' is not supported for VARCHAR ARRAY"),
        (
            "ARRAY_CONTAINS(la, CASE WHEN n > 3 THEN n ELSE id END)",
            "function 'ARRAY_CONTAINS' is not supported with CASE as an argument",
        ),
        (
            "ARRAY_CONTAINS(CASE WHEN sa IS NULL THEN sa ELSE ARRAY['x'] END, 'a')",
            "function 'ARRAY_CONTAINS' is not supported with CASE as an argument",
        ),
        ("STRING_AGG(s, '''')", "function 'STRING_AGG' is not supported with the separator \"'\""),
        ("LISTAGG(s, '\\.')", "function 'LISTAGG' is not supported with the separator '\\\\.'"),
        ("STRING_AGG(CAST(d AS BIGINT), ',')", "function 'STRING_AGG' is not supported over a CAST to a number"),
        ("SELECT 1 FROM t, UNNEST(COALESCE(sa, ARRAY['a'])) AS v(x)", "UNNEST of COALESCE is not supported"),
        (
            "SELECT id FROM t WHERE ARRAY_OVERLAP(ARRAY['a'], sa)",
            "function 'ARRAY_OVERLAP' is not supported with a literal as the first array in a WHERE clause",
        ),
        (
            "SELECT MV_TO_ARRAY(s) FROM t WHERE s = 'a'",
            "function 'MV_TO_ARRAY' is not supported for a column that WHERE compares",
        ),
        ("ARRAY[sa]", "function 'ARRAY' is not supported of VARCHAR ARRAY"),
        ("ARRAY[__time]", "function 'ARRAY' is not supported of TIMESTAMP"),
        (
            "ARRAY_CONTAINS(la, 1.5)",
            "function 'ARRAY_CONTAINS' is not supported with DOUBLE and an array of BIGINT: CAST one of them",
        ),
        (
            "ARRAY_CONCAT(la, da)",
            "function 'ARRAY_CONCAT' is not supported with an array of BIGINT and an array of DOUBLE: CAST one of them",
        ),
        ("ARRAY_CONCAT(sa, NULL)", "function 'ARRAY_CONCAT' is not supported with NULL as an array"),
        ("ARRAY_OFFSET(sa, 1.5)", "function 'ARRAY_OFFSET' is not supported unless argument 2 is a whole number"),
        (
            "STRING_TO_ARRAY(s, '.')",
            "function 'STRING_TO_ARRAY' is not supported with the separator '.', which is a regular expression",
        ),
        ("sa < ARRAY['b']", "function '<' is not supported for VARCHAR ARRAY"),
        ("sa IN (ARRAY['a'])", "function 'IN' is not supported for VARCHAR ARRAY"),
        ("COALESCE(mv, 'z')", "function 'COALESCE' is not supported with a multi-value string here"),
        ("LENGTH(mv)", "function 'LENGTH' is not supported with a multi-value string here"),
        ("COUNT(mv)", "function 'COUNT' is not supported with a multi-value string here"),
        (
            "mv = 'a'",
            "EQ in \"mv = 'a'\" is not supported with a multi-value string outside of a WHERE clause",
        ),
        ("mv || mv", "DPIPE in 'mv || mv' is not supported with several multi-value strings"),
        (
            "MV_LENGTH(UPPER(mv))",
            "function 'MV_LENGTH' is not supported with a function of each value of a multi-value string",
        ),
        (
            "MV_CONTAINS(mv, s)",
            "function 'MV_CONTAINS' is not supported unless argument 2 has only string literals and NULL",
        ),
        (
            "SELECT MV_TO_ARRAY(m) FROM (SELECT mv AS m FROM t)",
            "function 'MV_TO_ARRAY' is not supported for a column of a subquery",
        ),
        ("ARRAY_AGG(sa)", "function 'ARRAY_AGG' is not supported for VARCHAR ARRAY"),
        (
            "SELECT 1 FROM t LEFT JOIN UNNEST(sa) AS v(x) ON TRUE",
            "UNNEST is not supported here: only after a comma or CROSS JOIN, without ON",
        ),
        ("SELECT 1 FROM t, UNNEST(sa, la) AS v(x, y)", "UNNEST of 2 arrays is not supported"),
        ("SELECT DISTINCT mv FROM t", "SELECT DISTINCT of a multi-value string is not supported: use GROUP BY"),
        (
            "SELECT * FROM (SELECT mv, COUNT(*) AS c FROM t GROUP BY mv)",
            "GROUP BY of a multi-value string in a subquery is not supported",
        ),
        (
            "SELECT mv FROM t UNION ALL SELECT s FROM t",
            "UNION ALL of multi-value VARCHAR and VARCHAR is not supported",
        ),
        (
            "SELECT id FROM t WHERE s IN (SELECT mv FROM t)",
            "IN (SELECT ...) is not supported with a multi-value string",
        ),
        (
            "SELECT mv FROM t GROUP BY mv HAVING mv = 'a'",
            "EQ in \"mv = 'a'\" is not supported with a multi-value string outside of a WHERE clause",
        ),
        (
            "SELECT id FROM t WHERE mv > 'a' AND mv < 'c'",
            "several conditions on the multi-value column 'mv' are not supported: use MV_CONTAINS or MV_OVERLAP",
        ),
        (
            "SELECT id FROM t WHERE NOT (mv > 'a')",
            "NOT of GT in \"mv > 'a'\" is not supported with a multi-value string",
        ),
        # OBSERVED(Druid 33): 'a' in each row, because the optimizer replaces the column.
        ("SELECT mv FROM t WHERE mv = 'a'", REPLACED),
        ("SELECT COUNT(*) FROM t WHERE NOT (mv <> 'a') GROUP BY mv", REPLACED),
        ("SELECT x FROM t, UNNEST(ARRAY_APPEND(mv, 'z')) AS v(x) WHERE mv IN ('a')", REPLACED),
        (
            "SELECT COUNT(*) FILTER (WHERE mv > 'b') FROM t WHERE mv <= 'a'",
            "several conditions on the multi-value column 'mv' are not supported: use MV_CONTAINS or MV_OVERLAP",
        ),
        (
            "SELECT id FROM t WHERE mv = s",
            "EQ in 'mv = s' is not supported with a multi-value string and an expression",
        ),
        (
            "SELECT id FROM t WHERE mv LIKE '%'",
            "LIKE in \"mv LIKE '%'\" is not supported with a multi-value string and this pattern",
        ),
    ],
)
def test_what_has_no_exact_result_is_not_supported(
    refused: Callable[[str], str], expression: str, message: str
) -> None:
    """The refusal names the construct; it isn't called invalid."""
    assert refused(expression) == f"not supported: {message}"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        # OBSERVED(Druid 33): [11] is larger than max [10], and so on.
        ("SELECT ARRAY_AGG(s, 10) FROM t WHERE id = 1", "size [11] is larger than max [10]"),
        ("SELECT ARRAY_AGG(s, 11) FROM t WHERE id = 8", "size [12] is larger than max [11]"),
        ("SELECT ARRAY_AGG(n, 13) FROM t WHERE id = 1", "size [14] is larger than max [13]"),
        ("SELECT ARRAY_AGG(DISTINCT s, 16) FROM t WHERE id < 3", "size [17] is larger than max [16]"),
        ("SELECT ARRAY_CONCAT_AGG(sa, 16) FROM t WHERE id = 1", "size [17] is larger than max [16]"),
        ("SELECT STRING_AGG(n, ',', 10) FROM t WHERE id = 1", "size [11] is larger than max [10]"),
    ],
)
def test_too_many_bytes_fail_the_query(observed: ObservedRows, query: str, message: str) -> None:
    """The limit is one byte above what fails."""
    with pytest.raises(duckdb.Error) as caught:
        observed.query(query)
    assert str(caught.value) == f"Invalid Input Error: Exceeded memory usage when aggregating, {message}"


@pytest.mark.parametrize("query", ["SELECT ARRAY_OFFSET(sa, n) FROM t", "SELECT MV_OFFSET(mv, n) FROM t"])
def test_position_of_more_than_32_bits_fails_the_query(observed: ObservedRows, query: str) -> None:
    """Java drops the upper half of the number, which gives an element that nobody asked for."""
    with pytest.raises(duckdb.Error) as caught:
        observed.query(query)
    assert str(caught.value).endswith("is not supported with a position of more than 32 bits")
