# SPDX-License-Identifier: Apache-2.0
"""Whom a task asks before it loses data, and for how long; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION

#: The two options of a question, as Airflow's ``ApprovalOperator`` has them.
APPROVE, REJECT = "Approve", "Reject"


@dataclass(frozen=True)
class PolarisApproval:
    """
    Whom a task asks, and for how long. Requires Airflow 3.1 or newer.

    :param assigned_users: Who may answer: user ids, or mappings of ``id`` and ``name``. Empty means every user with the
        permission to answer.
    :param response_timeout: How long the task waits for an answer; None waits without a limit.
    :param default: The answer after that time: ``approve`` or ``reject``. None fails the task, without a retry.
    :param notifiers: Notifiers of Airflow, which are called when the question has been asked.
    :raises PolarisSpecError: A value is unknown, or ``default`` has no effect.
    """

    assigned_users: Sequence[str | Mapping[str, str]] | str | Mapping[str, str] = ()
    response_timeout: timedelta | None = None
    default: Literal["approve", "reject"] | None = None
    notifiers: Sequence[Any] | Any = ()

    def __post_init__(self) -> None:
        if self.default not in (None, "approve", "reject"):
            raise PolarisSpecError(f"default {self.default!r} is not an answer. Write 'approve', 'reject' or None.")
        if self.default is not None and self.response_timeout is None:
            raise PolarisSpecError(
                f"default {self.default!r} has no effect without response_timeout: the task waits without a limit. "
                "Set response_timeout."
            )
        if self.response_timeout is not None and self.response_timeout <= timedelta():
            raise PolarisSpecError(f"response_timeout {self.response_timeout!r} is not positive.")

    @property
    def users(self) -> list[dict[str, str]]:
        """The assigned users, each with ``id`` and ``name``."""
        given = self.assigned_users
        users = [given] if isinstance(given, str | Mapping) else given
        return [{"id": one, "name": one} if isinstance(one, str) else {**one} for one in users]

    @property
    def defaults(self) -> list[str] | None:
        """The default answer in Airflow's form."""
        return None if self.default is None else [APPROVE if self.default == "approve" else REJECT]

    @property
    def all_notifiers(self) -> list[Any]:
        """The notifiers; a single one is a list of one."""
        return list(self.notifiers) if isinstance(self.notifiers, Sequence) else [self.notifiers]


def check_airflow(argument: str, instead: str) -> None:
    """
    Raise if this Airflow can't ask a person.

    :param argument: The argument that requires it, with its value.
    :param instead: A sentence on what to do.
    :raises PolarisSpecError: Airflow is older than 3.1.
    """
    if AIRFLOW_VERSION < (3, 1):
        installed = ".".join(map(str, AIRFLOW_VERSION))
        raise PolarisSpecError(
            f"{argument} requires Airflow 3.1 or newer, which can ask a person; this is Airflow {installed}. {instead}"
        )


def check_literals(**guards: Any) -> None:
    """
    Raise at parse time if a guard asks and this Airflow can't; a template is checked when the task starts.

    :param guards: The guard arguments by name.
    :raises PolarisSpecError: Airflow is older than 3.1.
    """
    for argument, value in guards.items():
        if isinstance(value, str) and value.strip().lower() == "ask":
            check_airflow(f"{argument}='ask'", f"Write {argument}='fail'.")
