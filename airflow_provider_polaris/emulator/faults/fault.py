"""
Faults on demand, for testing clients: set, listed and cleared under ``/__emulator__/`` only; performs no I/O.

This is what can be asked for; :mod:`.fault_rules` keeps it, and :mod:`.fault_middleware` is where it strikes.
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
    One rule. A field that does not go with the effect is refused.

    :param effect: ``drop_reply``: the connection closes without an answer. ``status``: the answer has this HTTP
        status. ``latency``: the request waits first. ``hide_job``: a job that is created is not in the list at first.
        ``job_status``: unfinished jobs make no progress and show ``job_status``.
    :param method: HTTP method that it applies to; None for all.
    :param path: Regular expression that is searched in the path; None for all.
    :param skip: How many requests that it applies to (``hide_job``: jobs) it lets go first.
    :param times: How often it strikes; None for always. For ``job_status`` replies that show a job's status count.
    :param takes_effect: For ``drop_reply`` and ``status``, what the request itself does all the same: nothing
        (``never``), what it asks for (``now``), or that, but later (``later``). Default: ``now`` for ``drop_reply``,
        ``never`` for ``status``. For ``latency``, ``now`` or nothing: with ``now`` only the answer waits.
    :param after_seconds: For what is later and for hidden jobs: how long, by the emulator's clock.
    :param after_requests: The same in further requests of the API, whichever of the two is over first.
    :param describe: Whether a hidden job can be described, canceled and so on by its id; else all that is a 404.
    :param status: HTTP status of the answer.
    :param retry_after: Its header ``Retry-After``.
    :param seconds: How long ``latency`` lets the request or its answer wait, in real time.
    :param job_status: What replies show.
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
        """What the request itself does, the default resolved."""
        return self.takes_effect or ("never" if self.effect == "status" else "now")

    def check(self) -> None:
        """
        Refuse a rule that makes no sense.

        :raises ApiError: 400 that names the field.
        """
        for name, field in Fault.model_fields.items():
            if name in self.model_fields_set and name not in _FIELDS[self.effect]:
                raise bad_request(
                    f"field {field.alias!r} does not go with the effect {self.effect!r}.", str(field.alias)
                )
        if self.effect == "latency" and self.takes_effect not in (None, "now"):
            raise bad_request(
                f"field 'takesEffect' has the value {self.takes_effect!r}, and what goes with the effect 'latency' is "
                "'now'.",
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
    While it lasts, unfinished jobs make no progress and show one status.

    :param status: What replies show.
    :param replies: Replies left that show it; None for no end.
    """

    status: str
    replies: int | None = None

    def shown(self) -> None:
        """Count a reply."""
        if self.replies is not None:
            self.replies -= 1

    def value(self) -> dict[str, Any]:
        """Return the rule that it is; ``times`` is what is left."""
        return {"effect": "job_status", "jobStatus": self.status, "times": self.replies}

    @property
    def is_over(self) -> bool:
        """Whether it has been shown as often as it was to be."""
        return self.replies is not None and self.replies <= 0
