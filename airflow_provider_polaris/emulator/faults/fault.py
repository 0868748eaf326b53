# SPDX-License-Identifier: Apache-2.0
"""
Fault rules for testing clients, set, listed and cleared only under ``/__emulator__/``. Performs no I/O.

This module defines the rules; :mod:`.rules` stores them and :mod:`.middleware` applies them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import Field

from airflow_provider_polaris.emulator.status_machine import EXECUTION_STATUSES
from airflow_provider_polaris.emulator.wire.errors import bad_request
from airflow_provider_polaris.emulator.wire.requests import WireModel

_DAY: Final = 86_400


class Fault(WireModel):
    """
    One rule. A field that the effect doesn't use is rejected.

    :param effect: ``drop_reply``: the connection closes without a reply. ``status``: the reply has this HTTP status.
        ``latency``: the request or its reply is delayed. ``hide_job``: a new job is missing from the list at first.
        ``job_status``: unfinished jobs make no progress and show ``job_status``.
    :param method: HTTP method to match; None for all.
    :param path: Regular expression to search in the path; None for all.
    :param skip: Number of matching requests (``hide_job``: jobs) that pass before the rule applies.
    :param times: How often the rule applies; None for always. For ``job_status``, every reply with a job's status
        counts.
    :param takes_effect: For ``drop_reply`` and ``status``, when the request takes effect in spite of the fault:
        ``never``, ``now`` or ``later``. Default: ``now`` for ``drop_reply``, ``never`` for ``status``. For ``latency``,
        ``now`` or unset: with ``now`` only the reply is delayed.
    :param after_seconds: Delay of a late effect or of a hidden job, in seconds of the emulator's clock.
    :param after_requests: The same delay in further requests of the API; the delay that ends first applies.
    :param describe: Whether a hidden job can be described, canceled and so on by its id; otherwise these requests get a
        404.
    :param status: HTTP status of the reply.
    :param retry_after: Header ``Retry-After`` of the reply.
    :param seconds: Delay of ``latency`` in seconds of real time.
    :param job_status: Status that replies show.
    """

    effect: Literal["drop_reply", "status", "latency", "hide_job", "job_status"]
    method: str | None = None
    path: str | None = None
    skip: int = Field(0, ge=0)
    times: int | None = Field(1, ge=1)
    takes_effect: Literal["never", "now", "later"] | None = None
    after_seconds: float | None = Field(None, ge=0, le=_DAY)
    after_requests: int | None = Field(None, ge=1)
    describe: bool = True
    status: int = Field(503, ge=400, le=599)
    retry_after: str | None = None
    seconds: float = Field(1.0, ge=0, le=60)
    job_status: str = "unknown"

    @property
    def request_takes_effect(self) -> Literal["never", "now", "later"]:
        """When the request takes effect; resolves the default."""
        return self.takes_effect or ("never" if self.effect == "status" else "now")

    def check(self) -> None:
        """
        Reject an inconsistent rule.

        :raises ApiError: 400 that names the field.
        """
        for name, field in Fault.model_fields.items():
            if name in self.model_fields_set and name not in _FIELDS[self.effect]:
                raise bad_request(f"field {field.alias!r} is not used by the effect {self.effect!r}.", str(field.alias))
        if self.effect == "latency" and self.takes_effect not in (None, "now"):
            raise bad_request(
                f"field 'takesEffect' has the value {self.takes_effect!r}, but the effect 'latency' allows only 'now'.",
                "takesEffect",
            )
        has_delay = self.after_seconds is not None or self.after_requests is not None
        if self.effect == "hide_job" and not has_delay:
            raise bad_request("effect 'hide_job' needs 'afterSeconds' or 'afterRequests'.", "effect")
        if self.takes_effect == "later" and not has_delay:
            raise bad_request(
                "field 'takesEffect' has the value 'later', which needs 'afterSeconds' or 'afterRequests'.",
                "takesEffect",
            )
        if self.effect != "hide_job" and has_delay and self.takes_effect != "later":
            raise bad_request(
                "'afterSeconds' and 'afterRequests' need 'takesEffect' with the value 'later'.", "takesEffect"
            )
        if self.job_status not in EXECUTION_STATUSES:
            raise bad_request(f"field 'jobStatus' has the value {self.job_status!r}: no such status.", "jobStatus")


_WHICH: Final = frozenset({"effect", "method", "path", "skip", "times"})


_WHEN: Final = frozenset({"after_seconds", "after_requests"})


_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "drop_reply": _WHICH | _WHEN | {"takes_effect"},
    "status": _WHICH | _WHEN | {"takes_effect", "status", "retry_after"},
    "latency": _WHICH | {"seconds", "takes_effect"},
    "hide_job": frozenset({"effect", "skip", "times", "describe"}) | _WHEN,
    "job_status": frozenset({"effect", "times", "job_status"}),
}


@dataclass
class Freeze:
    """
    While it is active, unfinished jobs make no progress and show one status.

    :param status: Status that replies show.
    :param replies: Number of remaining replies with this status; None for unlimited.
    """

    status: str
    replies: int | None = None

    def shown(self) -> None:
        """Count a reply."""
        if self.replies is not None:
            self.replies -= 1

    def value(self) -> dict[str, Any]:
        """Return the rule; ``times`` is the remaining number of replies."""
        return {"effect": "job_status", "jobStatus": self.status, "times": self.replies}

    @property
    def is_over(self) -> bool:
        """Whether no replies remain."""
        return self.replies is not None and self.replies <= 0
