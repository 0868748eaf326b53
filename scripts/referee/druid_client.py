# SPDX-License-Identifier: Apache-2.0
"""Client of a Druid on loopback: load rows by native ingestion, wait until they are served, run a SELECT."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from outcomes import Answer, Outcome, Refusal

#: Seconds until an answer, a task or the loading of segments counts as failed.
PATIENCE = 180
_ARRAYS = {
    f"{kind.lower()}Array": {"type": "auto", "castToType": f"ARRAY<{kind}>"} for kind in ("STRING", "LONG", "DOUBLE")
}
"""Dimensions of the array types, which have no names of their own."""
#: Categories of an error with which Druid says what is wrong with a query.
_REFUSALS = frozenset({"INVALID_INPUT", "UNSUPPORTED", "UNAUTHORIZED", "FORBIDDEN"})
_ETERNITY = "-146136543-09-08T08:23:32.096Z/146140482-04-24T15:36:27.903Z"


class DruidError(Exception):
    """
    An answer that is no success.

    :param status: HTTP status.
    :param body: The JSON of the answer, or its text.
    """

    def __init__(self, status: int, body: Any) -> None:
        error = body.get("error") if isinstance(body, dict) else None
        details = error if isinstance(error, dict) else body if isinstance(body, dict) else {}
        self.status = status
        self.category = str(details.get("category") or details.get("errorCode") or "UNKNOWN")
        self.message = str(details.get("errorMessage") or body)[:2000]
        super().__init__(f"{status} {self.category}: {self.message}")


class DruidGone(OSError):  # noqa: N818  # names an event
    """
    A process of Druid doesn't answer any more; what it answered last says nothing about the emulator.

    :param url: Address of the process.
    :param reason: Why it doesn't answer.
    """

    def __init__(self, url: str, reason: object) -> None:
        super().__init__(f"Druid's process at {url} doesn't answer: {reason}")


class Druid:
    """
    One version of Druid.

    :param broker: URL of its broker, which answers queries.
    :param coordinator: URL of its coordinator, which is the overlord too.
    :param historical: URL of its historical, which has the rows.
    """

    def __init__(self, broker: str, coordinator: str, historical: str) -> None:
        self.broker = broker
        self.coordinator = coordinator
        self.historical = historical

    def is_running(self) -> bool:
        """Whether broker and coordinator answer."""
        try:
            self.check_alive()
        except (OSError, DruidError):
            return False
        return True

    def check_alive(self) -> None:
        """
        Ask each process whether it is well.

        :raises DruidGone: One of them doesn't answer; Java ends a process that has no memory left.
        """
        for url in (self.broker, self.coordinator, self.historical):
            call(f"{url}/status/health")

    def select(self, sql: str, context: Mapping[str, Any] | None = None) -> Outcome:
        """
        Run a SELECT; a refusal of Druid is an outcome, an answer of another form an exception.

        :raises DruidGone: A process ended, so that the refusal is none.
        """
        body = {
            "query": sql,
            "resultFormat": "array",
            "header": True,
            "typesHeader": True,
            "context": dict(context or {}),
        }
        try:
            names, types, *rows = call(f"{self.broker}/druid/v2/sql", body)
        except DruidError as error:
            if error.category not in _REFUSALS:
                self.check_alive()
            return Refusal(error.category, error.message)
        except ValueError as error:  # it failed after the first rows had been sent
            self.check_alive()
            return Refusal("CUT OFF", str(error))
        return Answer(tuple(names), tuple(types), tuple(map(tuple, rows)))

    def has_table(self, table: str) -> bool:
        """Whether the broker serves a table."""
        return isinstance(self.select(f'SELECT COUNT(*) FROM "{table}"'), Answer)

    def load(self, table: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
        """
        Load rows into a table in place of those that it has, and wait until the broker serves them.

        :param rows: Rows with the time in ``__time``.
        :param columns: Type of each column other than ``__time``, by its name in Polaris: ``string``, ``longArray``.
        """
        spec = {
            "dataSchema": {
                "dataSource": table,
                "timestampSpec": {"column": "__time", "format": "auto"},
                "dimensionsSpec": {
                    "dimensions": [
                        {"name": name, **_ARRAYS.get(kind, {"type": kind})} for name, kind in columns.items()
                    ],
                },
                "metricsSpec": [],
                "granularitySpec": {"segmentGranularity": "ALL", "queryGranularity": "NONE", "rollup": False},
            },
            "ioConfig": {
                "type": "index_parallel",
                "inputFormat": {"type": "json"},
                "inputSource": {"type": "inline", "data": "\n".join(json.dumps(row) for row in rows)},
            },
            "tuningConfig": {"type": "index_parallel"},
        }
        task = call(f"{self.coordinator}/druid/indexer/v1/task", {"type": "index_parallel", "spec": spec})["task"]
        self.wait_for_task(task)
        self.wait_until_loaded(table)

    def wait_for_task(self, task: str) -> None:
        """
        Wait for the end of a task.

        :raises DruidError: It failed.
        """
        end = time.monotonic() + PATIENCE
        while True:
            status = call(f"{self.coordinator}/druid/indexer/v1/task/{task}/status")["status"]
            if status["statusCode"] == "SUCCESS":
                return
            if status["statusCode"] == "FAILED" or time.monotonic() > end:
                raise DruidError(500, {"category": status["statusCode"], "errorMessage": json.dumps(status)})
            time.sleep(0.25)

    def wait_until_loaded(self, table: str) -> None:
        """Wait until the broker serves what was written last to a table, and nothing that it replaced."""
        end = time.monotonic() + PATIENCE
        sql = (
            'SELECT is_published, is_overshadowed, is_available, num_rows, "size" FROM sys.segments '
            f"WHERE datasource = '{table}'"
        )
        status = f"{self.coordinator}/druid/coordinator/v1/datasources/{table}/loadstatus"
        while time.monotonic() < end:
            try:
                left = call(f"{status}?forceMetadataRefresh=true&simple&interval={_ETERNITY}")
            except (ValueError, DruidError):  # without segments the answer is plain text
                left = None
            if left and not any(left.values()):
                segments = self.select(sql)
                if isinstance(segments, Answer) and _are_served(segments.rows):
                    return
            time.sleep(0.2)
        raise DruidError(504, f"table {table} is not loaded after {PATIENCE} s")

    def drop(self, table: str) -> None:
        """Mark the table's segments as unused."""
        call(f"{self.coordinator}/druid/coordinator/v1/datasources/{table}", method="DELETE")


def call(url: str, body: Any = None, method: str | None = None, *, lines: bool = False) -> Any:
    """
    Send a request and return the JSON of the answer.

    :param lines: Whether each line of the answer is JSON of its own.
    :raises DruidError: The status is no success.
    :raises DruidGone: There is no answer.
    """
    request = urllib.request.Request(
        url,
        None if body is None else json.dumps(body).encode(),
        # Without Accept some answers are binary.
        {"Content-Type": "application/json", "Accept": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        try:
            raise DruidError(error.code, json.loads(text)) from None
        except ValueError:
            raise DruidError(error.code, text) from None
    except (OSError, http.client.HTTPException) as error:
        address = "/".join(url.split("/", 3)[:3])
        raise DruidGone(address, getattr(error, "reason", error) or repr(error)) from None
    if lines:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return json.loads(text) if text.strip() else None


def _are_served(segments: Sequence[Sequence[Any]]) -> bool:
    """Whether live segments are all readable and no others are; ``size`` 1 is a tombstone, which has no rows."""
    live = [one for one in segments if one[0] and not one[1]]
    old = [one for one in segments if one[2] and (not one[0] or one[1])]
    return bool(live) and not old and all(one[2] and (one[3] or one[4] <= 1) for one in live)
