"""
Whose fault it is that Polaris refuses a query: the user's words in it, or the moment; performs no I/O.

The rest of each query is written by this package and known to work, so a query that Polaris finds wrong is wrong by
what the user wrote. Two refusals are about the moment all the same: a table, or a column that the table has by its own
description, which the query engine doesn't know yet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisSpecError
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.jobs.time.instant import quote

#: Categories of an error by which Druid says that the query is wrong.
#: Source: druid.apache.org/docs/latest/api-reference/sql-api (category).
_WRONG: Final = frozenset({"INVALID_INPUT", "UNSUPPORTED"})
#: Its codes that come with 400 and 501, the statuses of those categories.
_WRONG_CODES: Final = frozenset({"invalidInput", "general"})
#: How the planner's own texts begin where an error has neither. Source: org.apache.calcite.runtime.CalciteResource.
_WRONG_TEXT: Final = re.compile(
    r"Column '[^']*' not found|No match found for function signature|Cannot apply '|Invalid number of arguments|"
    r"Received an unexpected token|Encountered \"|Lexical error"
)
_NO_TABLE: Final = re.compile(r"Object '(.*?)' not found")
_NO_COLUMN: Final = re.compile(r"Column '([^']*)' not found")


@dataclass(frozen=True)
class QueryRefusal:
    """
    Why Polaris refuses a query.

    :param reason: Polaris' own text; empty if it gave none.
    :param is_of_query: Whether Polaris says that the query is wrong.
    """

    reason: str
    is_of_query: bool

    @classmethod
    def of_failure(cls, answer: Mapping[str, Any]) -> QueryRefusal:
        """Read the answer about an asynchronous query that failed."""
        details = answer.get("errorDetails")
        details = details if isinstance(details, Mapping) else {}
        text = details.get("errorMessage")
        reason = text if isinstance(text, str) else ""
        is_wrong = details.get("category") in _WRONG or _WRONG_TEXT.search(reason) is not None
        return cls(reason, is_wrong or _NO_TABLE.search(reason) is not None)

    @classmethod
    def of_refusal(cls, error: PolarisApiError) -> QueryRefusal:
        """Read the error of a query that was not even started."""
        reason = error.vendor_message or ""
        is_wrong = error.code in _WRONG_CODES or _WRONG_TEXT.search(reason) or _NO_TABLE.search(reason)
        return cls(reason, error.status in (400, 501) and bool(is_wrong))

    def passes(self, table: TableStorage) -> bool:
        """
        Return whether the same query may work later: the query engine doesn't know yet what the table has.

        :param table: The table that the query reads, by its description.
        """
        missing = _NO_TABLE.search(self.reason)
        return (missing is not None and missing[1] == table.name) or self._missing_column in table.columns

    @property
    def _missing_column(self) -> str | None:
        found = _NO_COLUMN.search(self.reason)
        return None if found is None else found[1].rpartition(".")[2]

    def of_words(self, words: Mapping[str, str], table: TableStorage, aftermath: str) -> PolarisSpecError | None:
        """
        Return the error that names the argument; None if no words of the user are in the query.

        :param words: What the user wrote into the query, by the name of the argument.
        :param table: The table that the query reads.
        :param aftermath: What was not done, as a sentence after a blank.
        """
        if not words or not self.is_of_query:
            return None
        column = self._missing_column
        found = {name: text for name, text in words.items() if column and column in text} or words
        names = " or ".join(found)
        if len(found) == 1:
            shown = f"It reads {quote(*found.values())}"
        else:
            shown = "; ".join(f"{name} reads {quote(text)}" for name, text in found.items())
        reason = f"Polaris says {self.reason!r}" if self.reason else "Polaris says that the query is wrong"
        return PolarisSpecError(
            f"{names} doesn't work on table {table.name!r}: {reason}. {shown}.{aftermath} Correct it: a retry would "
            "get the same answer."
        )
