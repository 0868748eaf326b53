# SPDX-License-Identifier: Apache-2.0
"""A service with answers that tests set, and a connection to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_polaris.client.dbapi import Connection, Cursor
from airflow_provider_polaris.client.result_lines import ResultLines
from airflow_provider_polaris.jobs.errors import PolarisError, PolarisProtocolError, PolarisTransportError


def lines(columns: Mapping[str, str], *rows: list[Any]) -> bytes:
    """Return the body of an answer, from the SQL types of its columns by name."""
    header = [list(columns), ["STRING"] * len(columns), list(columns.values())]
    return b"".join(json.dumps(line).encode() + b"\n" for line in [*header, *rows]) + b"\n"


def result(body: bytes) -> ResultLines:
    """Return the result of a body, with short errors."""
    return ResultLines(
        body, unreadable=PolarisProtocolError, incomplete=lambda: PolarisTransportError("rows are missing")
    )


@dataclass
class FakeService:
    """Answers each query with one body or error, and keeps what it was asked."""

    answer: bytes | PolarisError = b""
    asked: list[tuple[str, Any, Any]] = field(default_factory=list)
    closed: int = 0

    def select(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> ResultLines:
        self.asked.append((sql, parameters, context))
        if isinstance(self.answer, PolarisError):
            raise self.answer
        return result(self.answer)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def service() -> FakeService:
    return FakeService(lines({"name": "VARCHAR"}, *([name] for name in NAMES)))


@pytest.fixture
def connection(service: FakeService) -> Connection:
    return Connection(service)


@pytest.fixture
def cursor(connection: Connection) -> Cursor:
    return connection.cursor()


NAMES = ["Carlton Cold", "Carlton Draft", "Mountain Goat", "Redback", "Victoria Bitter", "XXXX"]
