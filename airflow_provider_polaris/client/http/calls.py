# SPDX-License-Identifier: Apache-2.0
"""Call an endpoint and check the shape of its response; the base of all API groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from airflow_provider_polaris.client.http.endpoint import Endpoint
from airflow_provider_polaris.client.http.json_body import LONGEST_TEXT, Unreadable, kind_of, problem_of_text, read_json
from airflow_provider_polaris.client.http.request import Body, Params, Request
from airflow_provider_polaris.client.http.retry import Answer, is_ambiguous
from airflow_provider_polaris.client.http.transport import Transport
from airflow_provider_polaris.jobs.errors import PolarisError


class Calls:
    """
    Base class of the API groups (jobs, tables, files, queries).

    :param transport: Sends the requests.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _object(
        self,
        endpoint: Endpoint,
        name: str | None = None,
        *,
        params: Params | None = None,
        body: Body | None = None,
        required: str | None = None,
    ) -> dict[str, Any]:
        """Call an endpoint that returns a JSON object. The required field must be a short text."""
        request = self._transport.request(endpoint, name=name, params=params, body=body)
        answer = self._transport.call(request)
        data = self._decode(request, answer)
        if not isinstance(data, dict):
            raise self._unreadable(request, answer, f"the body is {kind_of(data)}, not an object")
        if required is not None and (problem := problem_of_text(data.get(required), required)):
            raise self._unreadable(request, answer, problem)
        return data

    def _list(
        self,
        endpoint: Endpoint,
        name: str | None = None,
        *,
        field: str,
        key: str,
        params: Params | None = None,
        keep: frozenset[str] | None = None,
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """
        Call an endpoint that returns a list of objects in a field. Return the list and the whole object.

        Each object must have the key.

        :param keep: Names to keep in all objects of the response, including the outermost. None keeps everything.
        """
        request = self._transport.request(endpoint, name=name, params=params)
        answer = self._transport.call(request)
        data = self._decode(request, answer, keep)
        rows = data.get(field) if isinstance(data, dict) else None
        if not isinstance(rows, list):
            raise self._unreadable(request, answer, f"the body has no list {field!r}")
        for row in rows:
            if not isinstance(row, dict) or not isinstance(row.get(key), str):
                raise self._unreadable(request, answer, f"an entry of {field!r} has no {key!r}")
            if len(row[key]) > LONGEST_TEXT:
                problem = problem_of_text(row[key], key)
                raise self._unreadable(request, answer, f"an entry of {field!r} is wrong: {problem}")
        return rows, data

    def _rows(
        self, endpoint: Endpoint, name: str | None = None, *, params: Params | None = None, body: Body | None = None
    ) -> list[dict[str, Any]]:
        """Call an endpoint that returns an array of objects."""
        request = self._transport.request(endpoint, name=name, params=params, body=body)
        answer = self._transport.call(request)
        data = self._decode(request, answer)
        if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
            raise self._unreadable(request, answer, "the body is not an array of objects")
        return data

    def _submit(
        self, request: Request, spec: Mapping[str, Any], *, required: str, doubt: Callable[[str], str]
    ) -> dict[str, Any]:
        """
        Send a request that must not be sent twice. An ambiguous outcome raises ``PolarisAmbiguousSubmitError``.

        :param request: The request, including its body.
        :param spec: The body as an object, for the error.
        :param required: Field that the response to an accepted request has.
        :param doubt: Takes the instant just before the request. Returns what an unknown outcome means.
        """
        since = instant_text(self._transport.now())
        outcome = self._transport.exchange(request)
        failures = self._transport.failures
        error: PolarisError
        if isinstance(outcome, Answer) and outcome.is_success:
            data = read_json(outcome.body)
            if isinstance(data, Unreadable):
                problem = data.problem
            elif not isinstance(data, dict):
                problem = f"the body is {kind_of(data)}, not an object"
            elif not (problem := problem_of_text(data.get(required), required)):
                return data
            error = failures.unreadable(request.subject, outcome, problem)
        else:
            error = self._transport.error(request, outcome)
            if not is_ambiguous(outcome):
                raise error
        raise failures.ambiguous(error, doubt(since), spec, since=since) from error

    def _nothing(self, endpoint: Endpoint, name: str | None = None) -> None:
        """Call an endpoint and discard its response body."""
        self._transport.call(self._transport.request(endpoint, name=name))

    def _decode(self, request: Request, answer: Answer, keep: frozenset[str] | None = None) -> Any:
        data = read_json(answer.body, keep)
        if isinstance(data, Unreadable):
            raise self._unreadable(request, answer, data.problem)
        return data

    def _unreadable(self, request: Request, answer: Answer, problem: str) -> PolarisError:
        return self._transport.failures.unreadable(request.subject, answer, problem)


def instant_text(moment: datetime) -> str:
    """Format an aware datetime as ``2024-06-01T00:00:00.000Z``."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
