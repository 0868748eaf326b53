# SPDX-License-Identifier: Apache-2.0
"""Parse the four arguments that configure the guards."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.operators.approval.settings import check_literals
from airflow_provider_polaris.runtime.arguments import as_text

if TYPE_CHECKING:
    from airflow_provider_polaris.operators.submission.try_memory import TryMemory


@dataclass(frozen=True)
class GuardOptions:
    """
    The parsed guard arguments.

    :param on_empty_source: ``fail``, ``ask``, ``skip``, ``succeed`` or ``submit`` if the job would find no rows.
    :param on_shrink: ``fail``, ``ask`` or ``submit`` if the job would replace rows that the source no longer has.
    :param on_conflict: ``wait`` or ``fail`` while another job works on the same partitions.
    :param on_retention: ``fail``, ``ask`` or ``submit`` if the target's storage policy would drop what the job writes.
    """

    on_empty_source: str = "fail"
    on_shrink: str = "fail"
    on_conflict: str = "wait"
    on_retention: str = "fail"

    @classmethod
    def read(
        cls,
        *,
        on_empty_source: Any = "fail",
        on_shrink: Any = "fail",
        on_conflict: Any = "wait",
        on_retention: Any = "fail",
    ) -> GuardOptions:
        """
        Parse rendered arguments; upper and lower case are equal.

        :raises PolarisSpecError: A value is unknown; the message gives it and all known values. Or it is ``ask``, and
            Airflow is older than 3.1.
        """
        options = cls(
            on_empty_source=_word(on_empty_source, "on_empty_source", "fail", "ask", "skip", "succeed", "submit"),
            on_shrink=_word(on_shrink, "on_shrink", "fail", "ask", "submit"),
            on_conflict=_word(on_conflict, "on_conflict", "wait", "fail"),
            on_retention=_word(on_retention, "on_retention", "fail", "ask", "submit"),
        )
        check_literals(**asdict(options))
        return options

    @classmethod
    def of_task(cls, task: Any, memory: TryMemory) -> GuardOptions:
        """
        Return the guard arguments of a task, as they were when its try began.

        :param task: The operator, with rendered arguments of these names.
        :param memory: What the try keeps over its deferrals. Changed here: Airflow renders the templates again.
        """
        memory.guard_options = memory.guard_options or asdict(cls.of_arguments(task))
        return cls(**memory.guard_options)

    @classmethod
    def of_arguments(cls, task: Any) -> GuardOptions:
        """
        Parse the arguments of a task; see :meth:`read`.

        :param task: The operator, with rendered arguments of these names.
        """
        return cls.read(**{each.name: getattr(task, each.name) for each in fields(cls)})

    @property
    def counts(self) -> bool:
        """Whether a guard needs row counts."""
        return (self.on_empty_source, self.on_shrink) != ("submit", "submit")


def _word(value: Any, field: str, *known: str) -> str:
    word = as_text(value, field).strip().lower()
    if word not in known:
        *most, last = map(repr, known)
        raise PolarisSpecError(f"{field} {quote(value)} is not a known value. Write {', '.join(most)} or {last}.")
    return word
