# SPDX-License-Identifier: Apache-2.0
"""Reserved words of Druid SQL in mappings and filters, which are names only in double quotes."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.validation.rules import check_spec
from tests.jobs.specs import batch, mapping, refusal


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        ("value", "value"),
        ("UPPER(Language)", "Language"),
        ("events.hour", "hour"),
        ("TIMESTAMPADD(DAY, day, __time)", "day"),
        ("CASE WHEN period = 1 THEN 2 END", "period"),
    ],
)
def test_reserved_word_as_a_name_is_refused(expression: str, word: str) -> None:
    """Druid fails the job."""
    sentence = (
        f"uses {word} as a name, but {word.upper()} is a reserved word of Druid SQL. "
        f'Write the name in double quotes: "{word}".'
    )
    assert refusal(mapping(expression)) == f"mappings[0].expression '{expression}' {sentence}"
    condition = f"{expression} = 1"
    assert refusal(batch(filterExpression=condition)) == f"filterExpression '{condition}' {sentence}"


@pytest.mark.parametrize(
    "expression",
    [
        '"value"',
        "TIMESTAMPADD(DAY, 1, __time)",
        "EXTRACT(HOUR FROM __time)",
        "FLOOR(__time TO DAY)",
        "CAST(city AS DATE)",
        "__time + INTERVAL '1' DAY",
        "(city = 'a') IS UNKNOWN",
        "user",
        "city || name || status || type",
        "'value'",
    ],
)
def test_word_that_is_no_name_passes(expression: str) -> None:
    """A unit, a type, a text, a function without parentheses, and names that are no reserved words."""
    check_spec(mapping(expression))
