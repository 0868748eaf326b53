# SPDX-License-Identifier: Apache-2.0
"""Write results to stdout, as a table or as JSON, and messages and a progress bar to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any, Final, TextIO

from airflow_provider_polaris.cli.commands import INTERRUPTED
from airflow_provider_polaris.jobs.errors import PolarisError

_PACKAGE: Final = __name__.rpartition(".")[0]


_BAR: Final = 30


_CLEAR: Final = "\r\x1b[K"


class Output:
    """
    The output of a command.

    :param out: Stream for results.
    :param err: Stream for everything else.
    """

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err
        self._bar = False

    def print_result(self, text: str) -> None:
        """Print a result."""
        print(text, file=self._out, flush=True)

    def print_json(self, value: Any) -> None:
        """Print a result as JSON."""
        self.print_result(json.dumps(value, indent=2, ensure_ascii=False, default=str))

    def print_table(self, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print a result as columns of text; None becomes a dash."""
        lines = [list(header), *(["-" if value is None else str(value) for value in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            self.print_result("  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip())

    def print_message(self, text: str) -> None:
        """Print a message and remove the bar."""
        self.clear()
        print(text, file=self._err, flush=True)

    def show_bar(self, status: str, fraction: float | None, seconds: float) -> None:
        """
        Draw or redraw the progress line, only in a terminal.

        :param status: Status of the job.
        :param fraction: 0 to 1; None draws no bar.
        :param seconds: Elapsed time.
        """
        if not self._err.isatty():
            return
        minutes, rest = divmod(int(seconds), 60)
        parts = [status.ljust(9)]
        if fraction is not None:
            fraction = min(max(fraction, 0.0), 1.0)
            done = int(fraction * _BAR)
            parts += [f"|{'#' * done}{'.' * (_BAR - done)}|", f"{int(fraction * 100):3d} %"]
        parts.append(f"{minutes}:{rest:02d}")
        print(_CLEAR + "  ".join(parts), end="", file=self._err, flush=True)
        self._bar = True

    def clear(self) -> None:
        """Remove the bar."""
        if self._bar:
            print(_CLEAR, end="", file=self._err, flush=True)
            self._bar = False

    @property
    def has_bar(self) -> bool:
        """Return whether a terminal shows the bar."""
        return self._err.isatty()


class CommandError(Exception):
    """Raised when a command fails; the message is one sentence."""


def run(function: str, arguments: Any) -> int:
    """
    Run a command.

    :param function: ``module:function`` in this package.
    :param arguments: The parsed arguments.
    :return: Exit code.
    """
    screen = Output(sys.stdout, sys.stderr)
    module, _, name = function.partition(":")
    try:
        with redirect_stdout(sys.stderr):  # Airflow logs to stdout, which is reserved for the result
            return int(getattr(import_module(f"{_PACKAGE}.{module}"), name)(arguments, screen))
    except (CommandError, PolarisError) as error:
        screen.print_message(f"polaris: {error}")
        return 1
    except BrokenPipeError:
        # The reader closed the pipe (``| head``). Without this, Python would report another error when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
