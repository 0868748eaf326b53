"""Running one command: what it prints goes to stdout, everything else to stderr, an error is one sentence and a 1."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any, Final

from airflow_provider_polaris.cli.definition import INTERRUPTED
from airflow_provider_polaris.cli.screen import Screen
from airflow_provider_polaris.jobs.errors import PolarisError

_PACKAGE: Final = __name__.rpartition(".")[0]


class CommandError(Exception):
    """A command can't do what it was asked; the message is one sentence."""


def run(function: str, arguments: Any) -> int:
    """
    Run a command.

    :param function: ``module:function`` in this package.
    :param arguments: What the user wrote.
    :return: Exit code.
    """
    screen = Screen(sys.stdout, sys.stderr)
    module, _, name = function.partition(":")
    try:
        with redirect_stdout(sys.stderr):  # Airflow's log goes to stdout, which belongs to the result
            return int(getattr(import_module(f"{_PACKAGE}.{module}"), name)(arguments, screen))
    except (CommandError, PolarisError) as error:
        screen.tell(f"polaris: {error}")
        return 1
    except BrokenPipeError:
        # Whoever reads the output has seen enough (``| head``). Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
