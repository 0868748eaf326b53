# SPDX-License-Identifier: Apache-2.0
"""Read Airflow connections for commands, and implement ``airflow polaris test``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.cli.output import CommandError, Output
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.runtime.compat import AirflowNotFoundException, connection_of_commands

if TYPE_CHECKING:
    from airflow_provider_polaris.runtime.compat import Connection


class CommandHook(PolarisHook):
    """The hook of a command. It reads connections from where Airflow's own commands read them."""

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """
        Return a connection.

        :raises CommandError: No connection has this id.
        """
        try:
            return connection_of_commands(conn_id)
        except AirflowNotFoundException:
            raise CommandError(
                f"there is no connection {conn_id!r}. Create it in Airflow's UI or with 'airflow connections add', set "
                f"AIRFLOW_CONN_{conn_id.upper()}, or name another one with --conn-id."
            ) from None


@contextmanager
def connected(conn_id: str) -> Iterator[PolarisHook]:
    """
    Yield a hook, and close it at the end.

    :param conn_id: The connection.
    :raises CommandError: There is no such connection.
    :raises PolarisSpecError: The connection is incomplete.
    """
    hook = CommandHook(conn_id)
    try:
        _ = hook.settings  # so that an invalid connection is the first error
        yield hook
    finally:
        hook.close()


def test(arguments: Any, screen: Output) -> int:
    """Test a connection; exit code 0 if jobs can be managed."""
    with connected(arguments.conn_id) as hook:
        works, message = hook.test_connection()
    if arguments.output == "json":
        screen.print_json({"connection": arguments.conn_id, "works": works, "message": message})
    elif works:
        screen.print_result(message)
    else:
        raise CommandError(message)
    return 0 if works else 1
