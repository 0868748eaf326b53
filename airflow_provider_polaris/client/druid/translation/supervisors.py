# SPDX-License-Identifier: Apache-2.0
"""Describe a Druid supervisor as a streaming job; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: Prefix of the id of a streaming job, so that it isn't mistaken for a task's.
PREFIX: Final = "supervisor:"

#: States of a supervisor that writes nothing. Source: druid.apache.org/docs/latest/ingestion/supervisor.
_HALTED: Final = frozenset({"SUSPENDED", "STOPPING"})


def describe_supervisor(entry: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the description of a streaming job.

    GUESS: no supervisor was observed; the fields are those of druid.apache.org/docs/latest/api-reference/supervisor-api
    (``GET /druid/indexer/v1/supervisor?full``). A supervisor without ``lateMessageRejectionPeriod`` accepts rows of any
    age; it is described with ``P1000Y``, because a missing period means 30 days in Polaris.

    :param entry: Entry of the list.
    """
    spec = _mapping(entry.get("spec"))
    inner = _mapping(spec.get("spec"))
    schema = _mapping(spec.get("dataSchema")) or _mapping(inner.get("dataSchema"))
    io = _mapping(spec.get("ioConfig")) or _mapping(inner.get("ioConfig"))
    table = entry.get("dataSource") or schema.get("dataSource") or entry.get("id")
    halted = entry.get("suspended") is True or entry.get("state") in _HALTED
    return {
        "id": f"{PREFIX}{entry.get('id')}",
        "type": "streaming",
        "executionStatus": "suspended" if halted else "running",
        "target": {"type": "table", "tableName": table},
        "lateMessageRejectionPeriod": io.get("lateMessageRejectionPeriod") or "P1000Y",
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
