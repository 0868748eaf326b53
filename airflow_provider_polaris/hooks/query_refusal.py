# SPDX-License-Identifier: Apache-2.0
"""
Classify a rejected query: wrong SQL from the user, or a transient state; performs no I/O.

This package writes the rest of each query, which is known to work. A query error is therefore caused by the user's SQL.
Two errors are transient: the query engine doesn't have a table yet, or not yet a column of the table's description.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisSpecError
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.jobs.time.instant import quote

#: Error categories with which Druid reports a wrong query.
#: Source: druid.apache.org/docs/latest/api-reference/sql-api (category).
_WRONG: Final = frozenset({"INVALID_INPUT", "UNSUPPORTED"})
#: Druid's error codes for 400 and 501, the statuses of those categories.
_WRONG_CODES: Final = frozenset({"invalidInput", "general"})
#: Beginnings of the planner's messages, for errors that have neither. Source:
#: org.apache.calcite.runtime.CalciteResource.
_WRONG_TEXT: Final = re.compile(
    r"Column '[^']*' not found|No match found for function signature|Cannot apply '|Invalid number of arguments|"
    r"Received an unexpected token|Encountered \"|Lexical error"
)
_NO_TABLE: Final = re.compile(r"Object '(.*?)' not found")
_NO_COLUMN: Final = re.compile(r"Column '([^']*)' not found")


@dataclass(frozen=True)
class QueryRefusal:
    """
    Why the service rejected a query.

    :param reason: Polaris' message; empty if there was none.
    :param is_of_query: Whether the service reports that the query is wrong.
    """

    reason: str
    is_of_query: bool

    @classmethod
    def of_failure(cls, answer: Mapping[str, Any]) -> QueryRefusal:
        """Parse the response of an asynchronous query that failed."""
        details = answer.get("errorDetails")
        details = details if isinstance(details, Mapping) else {}
        text = details.get("errorMessage")
        reason = text if isinstance(text, str) else ""
        is_wrong = details.get("category") in _WRONG or _WRONG_TEXT.search(reason) is not None
        return cls(reason, is_wrong or _NO_TABLE.search(reason) is not None)

    @classmethod
    def of_refusal(cls, error: PolarisApiError) -> QueryRefusal:
        """Parse the error of a query that was not started."""
        reason = error.vendor_message or ""
        is_wrong = error.code in _WRONG_CODES or _WRONG_TEXT.search(reason) or _NO_TABLE.search(reason)
        return cls(reason, error.status in (400, 501) and bool(is_wrong))

    def is_transient(self, table: TableStorage) -> bool:
        """
        Return whether the same query may succeed later because the query engine doesn't have the table's data yet.

        :param table: Description of the table that the query reads.
        """
        missing = _NO_TABLE.search(self.reason)
        return (missing is not None and missing[1] == table.name) or self._missing_column in table.columns

    @property
    def _missing_column(self) -> str | None:
        found = _NO_COLUMN.search(self.reason)
        return None if found is None else found[1].rpartition(".")[2]

    def argument_error(self, words: Mapping[str, str], table: TableStorage, aftermath: str) -> PolarisSpecError | None:
        """
        Return the error that names the argument; None if the query contains no SQL of the user.

        :param words: The user's SQL in the query, by argument name.
        :param table: The table that the query reads.
        :param aftermath: What was not done, as a sentence with a leading space.
        """
        if not words or not self.is_of_query:
            return None
        column = self._missing_column
        found = {name: text for name, text in words.items() if column and column in text} or words
        names = " or ".join(found)
        if len(found) == 1:
            shown = f"Its value is {quote(*found.values())}"
        else:
            shown = "; ".join(f"{name} is {quote(text)}" for name, text in found.items())
        reason = f"the service reports {repr(self.reason) if self.reason else 'that the query is wrong'}"
        return PolarisSpecError(
            f"{names} doesn't work on table {table.name!r}: {reason}. {shown}.{aftermath} Correct it: a retry would "
            "get the same answer."
        )
