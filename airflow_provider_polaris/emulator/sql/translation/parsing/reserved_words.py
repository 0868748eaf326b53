# SPDX-License-Identifier: Apache-2.0
"""Refuse reserved words of Druid SQL as names."""

from __future__ import annotations

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported
from airflow_provider_polaris.jobs.sql.reserved_words import unquoted_word


def check_names(node: exp.Expression) -> None:
    """
    Check that no name without double quotes is a reserved word.

    :raises SqlInvalid: One is.
    :raises SqlNotSupported: It is a function without parentheses, which Druid has and the emulator doesn't.
    """
    word = unquoted_word(node)
    if word is not None and word.upper() in ("LOCALTIME", "LOCALTIMESTAMP"):
        raise SqlNotSupported(f"{word.upper()} is not supported")
    if word is not None:
        raise SqlInvalid(f'{word} is a reserved word: a column or alias of this name is written "{word}"')
