# SPDX-License-Identifier: Apache-2.0
"""
Translate Druid SQL to DuckDB SQL: expressions of mappings and filters, and whole queries.

Performs no I/O. SQL that could give a wrong value raises :class:`SqlNotSupported`.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.translation.expressions import translate_expression, translate_filter
from airflow_provider_polaris.emulator.sql.translation.ingestion import Ingestion, translate_ingestion
from airflow_provider_polaris.emulator.sql.translation.query import translate_query
from airflow_provider_polaris.emulator.sql.values.types import (
    Column,
    Expression,
    Query,
    SqlInvalid,
    SqlNotSupported,
    TableRelation,
)

__all__ = [
    "Column",
    "Expression",
    "Ingestion",
    "Query",
    "SqlInvalid",
    "SqlNotSupported",
    "TableRelation",
    "translate_expression",
    "translate_filter",
    "translate_ingestion",
    "translate_query",
]
