# SPDX-License-Identifier: Apache-2.0
"""
The commands and their arguments, shared by both command lines; standard library only, performs no I/O.
"""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

HELP: Final = "Inspect Imply Polaris or Apache Druid through an Airflow connection"

#: Exit code for invalid arguments, as in argparse.
WRONG_ARGUMENTS: Final = 2
#: Exit codes of ``jobs watch``, besides 0 for a job that succeeded and 1 for a job that could not be watched.
JOB_FAILED: Final = 3
JOB_CANCELED: Final = 4
TIMED_OUT: Final = 124  # as timeout(1)
INTERRUPTED: Final = 130  # as a shell reports Ctrl-C


@dataclass(frozen=True)
class Argument:
    """
    One argument.

    :param flags: Positional arguments of argparse's ``add_argument``.
    :param options: Keyword arguments of ``add_argument``.
    """

    flags: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """
    One command.

    :param function: ``module:function`` below this package. It takes arguments and an ``Output``, and returns an exit
        code.
    :param description: Longer text than ``help``; None uses ``help``.
    """

    name: str
    help: str
    function: str
    arguments: tuple[Argument, ...]
    description: str | None = None


@dataclass(frozen=True)
class Group:
    """Commands with a common first word."""

    name: str
    help: str
    commands: tuple[Command | Group, ...]
    description: str | None = None


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ArgumentTypeError(f"{text!r} is not a positive number")
    return number


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


_CONNECTION: Final = Argument(
    ("--conn-id",), {"default": "polaris_default", "metavar": "ID", "help": "connection (default: polaris_default)"}
)
_OUTPUT: Final = Argument(
    ("--output", "-o"), {"default": "table", "choices": ("table", "json"), "help": "for people (default) or programs"}
)
_JOB: Final = Argument(("job_id",), {"metavar": "JOB_ID", "help": "id of the job"})

_JOBS: Final = Group(
    "jobs",
    "Jobs of the connection's project",
    (
        Command(
            "list",
            "List jobs, newest first",
            "jobs:list_jobs",
            (
                Argument(
                    ("--status",),
                    {
                        "action": "append",
                        "metavar": "STATUS",
                        "help": "only jobs with this execution status, such as running; may repeat",
                    },
                ),
                Argument(("--table",), {"metavar": "NAME", "help": "only jobs that write to this table"}),
                Argument(
                    ("--type",),
                    {
                        "action": "append",
                        "metavar": "TYPE",
                        "help": "only jobs of this type, such as batch; may repeat",
                    },
                ),
                Argument(
                    ("--limit",),
                    {"type": _count, "default": 25, "metavar": "N", "help": "maximum number of jobs (default: 25)"},
                ),
                Argument(
                    ("--no-origin",),
                    {
                        "action": "store_false",
                        "dest": "origin",
                        "help": "don't read which task made each job, which takes one request a job, 25 at most",
                    },
                ),
                _CONNECTION,
                _OUTPUT,
            ),
        ),
        Command(
            "watch",
            "Wait for a job, with a progress bar",
            "watch:watch_job",
            (
                _JOB,
                Argument(
                    ("--poll-interval",),
                    {
                        "type": _positive,
                        "default": 5.0,
                        "metavar": "SECONDS",
                        "help": "seconds between two polls (default: 5)",
                    },
                ),
                Argument(
                    ("--timeout",),
                    {
                        "type": _positive,
                        "metavar": "SECONDS",
                        "help": "stop watching after this time; the job continues",
                    },
                ),
                Argument(
                    ("--fail-on-warning",),
                    {"action": "store_true", "help": "count a job that completed with a warning as failed"},
                ),
                _CONNECTION,
                _OUTPUT,
            ),
            f"Wait for a job and report its result. Exit code: 0 if it succeeded, {JOB_FAILED} if it failed or counts "
            f"as failed, {JOB_CANCELED} if it was canceled, {TIMED_OUT} after the timeout, {INTERRUPTED} after Ctrl-C, "
            "1 if it can't be watched. Ctrl-C doesn't cancel the job.",
        ),
        Command("cancel", "Request the cancellation of a job", "jobs:cancel_job", (_JOB, _CONNECTION, _OUTPUT)),
        Command("sql", "Show the SQL of a job", "jobs:show_sql", (_JOB, _CONNECTION, _OUTPUT)),
    ),
)

COMMANDS: Final[tuple[Command | Group, ...]] = (
    Command(
        "test",
        "Test a connection and its permissions",
        "connection:test",
        (_CONNECTION, _OUTPUT),
        "Send one request each for jobs, tables and SQL, as the Test button of the connection does. Exit code 0 if "
        "jobs can be managed.",
    ),
    Command(
        "validate",
        "Check files with job specs",
        "validate:validate",
        (
            Argument(
                ("files",), {"nargs": "+", "metavar": "FILE", "help": "JSON of a job spec; - reads standard input"}
            ),
            Argument(
                ("--interval",),
                {
                    "default": "2024-01-01/2024-01-02",
                    "metavar": "START/END",
                    "help": "data interval for the templates of a file (default: 2024-01-01/2024-01-02)",
                },
            ),
            Argument(
                ("--param",),
                {"action": "append", "default": [], "metavar": "NAME=VALUE", "help": "param for templates; may repeat"},
            ),
            _OUTPUT,
        ),
        "Apply every rule that an operator applies before it submits a job, except those that need table descriptions. "
        "Needs no connection. Exit code 0 if all files are valid.",
    ),
    Command(
        "explain",
        "Explain an error and how to fix it",
        "explain:explain",
        (
            Argument(
                ("error",),
                {
                    "nargs": "?",
                    "metavar": "ERROR",
                    "help": "its class, or a part of the name, such as PolarisGuardError or guard; omit it to list all",
                },
            ),
        ),
        "Print the entries of the troubleshooting page whose name contains the word. Needs no connection. Exit code "
        f"{WRONG_ARGUMENTS} if there is none.",
    ),
    _JOBS,
)
