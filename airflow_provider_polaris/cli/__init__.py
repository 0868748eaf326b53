# SPDX-License-Identifier: Apache-2.0
"""
``airflow polaris ...``, and ``python -m airflow_provider_polaris ...`` where Airflow is older than 3.2.

Airflow imports this package at every start of its command line, so it imports the standard library only. Each command
imports its other modules when it runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.cli.commands import COMMANDS, HELP, Command, Group

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand


def get_cli_commands() -> list[CLICommand]:
    """Return the group ``polaris`` for Airflow's own command line; called by Airflow 3.2 and newer."""
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    def convert(entry: Command | Group) -> CLICommand:
        if isinstance(entry, Group):
            return GroupCommand(name=entry.name, help=entry.help, subcommands=[convert(one) for one in entry.commands])
        make: Callable[..., Arg] = Arg  # not typed
        arguments = [make(flags=argument.flags, **argument.options) for argument in entry.arguments]
        return ActionCommand(
            name=entry.name, help=entry.help, description=entry.description, func=_action(entry), args=arguments
        )

    return [convert(Group("polaris", HELP, COMMANDS))]


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run a command without Airflow's own command line.

    :param argv: Arguments; None uses those of the process.
    :return: Exit code. Wrong arguments exit with 2.
    """
    parser = argparse.ArgumentParser(prog="python -m airflow_provider_polaris", description=HELP)
    _add(parser, COMMANDS)
    arguments = parser.parse_args(argv)
    return _run(arguments.command, arguments)


def _add(parser: argparse.ArgumentParser, entries: Sequence[Command | Group]) -> None:
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for entry in entries:
        child = subparsers.add_parser(entry.name, help=entry.help, description=entry.description)
        if isinstance(entry, Group):
            _add(child, entry.commands)
            continue
        for argument in entry.arguments:
            child.add_argument(*argument.flags, **argument.options)
        child.set_defaults(command=entry)


def _action(command: Command) -> Callable[[argparse.Namespace], None]:
    def act(arguments: argparse.Namespace) -> None:
        code = _run(command, arguments)
        if code:
            raise SystemExit(code)  # Airflow ignores the return value of a command

    return act


def _run(command: Command, arguments: Any) -> int:
    from airflow_provider_polaris.cli.output import run

    return run(command.function, arguments)
