# SPDX-License-Identifier: Apache-2.0
"""Call Druid's endpoints, some of which answer in forms of their own: empty, plain text, or one object a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_polaris.client.druid import endpoints
from airflow_provider_polaris.client.druid.auth import DruidCredentials
from airflow_provider_polaris.client.druid.errors import advise, is_druid_error, is_final_error
from airflow_provider_polaris.client.druid.settings import DruidSettings
from airflow_provider_polaris.client.http.calls import Calls
from airflow_provider_polaris.client.http.endpoint import Endpoint
from airflow_provider_polaris.client.http.json_body import Unreadable, kind_of, read_json
from airflow_provider_polaris.client.http.request import Body, Params
from airflow_provider_polaris.client.http.retry import Answer
from airflow_provider_polaris.client.http.settings import ServiceRules


class DruidCalls(Calls):
    """Base class of the API groups of Druid."""

    def _maybe(self, endpoint: Endpoint, name: str | None = None, *, body: Body | None = None) -> dict[str, Any] | None:
        """
        Call an endpoint about one task that returns a JSON object; None for a 404, which isn't repeated.

        None does not prove that there is no such task; see :mod:`.errors`.
        """
        request = replace(
            self._transport.request(endpoint, name=name, body=body, fresh_connection=False),
            error_form=is_final_error,
        )
        outcome = self._transport.exchange(request)
        if isinstance(outcome, Answer) and outcome.status == 404:
            return None
        if not isinstance(outcome, Answer) or not outcome.is_success:
            raise self._transport.error(request, outcome)
        data = self._decode(request, outcome)
        if not isinstance(data, dict):
            raise self._unreadable(request, outcome, f"the body is {kind_of(data)}, not an object")
        return data

    def _array(self, endpoint: Endpoint, *, params: Params | None = None) -> list[Any]:
        """Call an endpoint that returns a JSON array."""
        request = self._transport.request(endpoint, params=params)
        answer = self._transport.call(request)
        data = self._decode(request, answer)
        if not isinstance(data, list):
            raise self._unreadable(request, answer, f"the body is {kind_of(data)}, not an array")
        return data

    def _lines(self, endpoint: Endpoint, name: str, *, params: Params | None = None) -> list[dict[str, Any]]:
        """
        Call an endpoint that returns one JSON object a line, or an array of objects.

        OBSERVED(Druid 27): lines, whatever ``resultFormat`` is. DOCUMENTED
        druid.apache.org/docs/latest/api-reference/sql-api: newer versions respect ``resultFormat=object``.
        """
        request = self._transport.request(endpoint, name=name, params=params)
        answer = self._transport.call(request)
        body = answer.body.strip()
        lines = [body] if body.startswith(b"[") else [line for line in body.splitlines() if line]
        rows: Any = [read_json(line) for line in lines]
        if rows and isinstance(rows[0], list):
            rows = rows[0]
        found: list[dict[str, Any]] = []
        for row in rows:
            if isinstance(row, Unreadable):
                raise self._unreadable(request, answer, row.problem)
            if not isinstance(row, dict):
                raise self._unreadable(request, answer, f"a row of the body is {kind_of(row)}, not an object")
            found.append(row)
        return found


def array_body(values: Sequence[str]) -> Body:
    """Encode texts as a JSON array."""
    return Body([json.dumps(list(values)).encode("ascii")], "application/json")


def druid_rules(settings: DruidSettings) -> ServiceRules:
    """Return Druid's rules for its requests and responses."""
    return ServiceRules(
        "Druid's API",
        endpoints.path_of,
        lambda _: DruidCredentials(settings),
        advise,
        is_druid_error,
        is_druid_error,
    )
