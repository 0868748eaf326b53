# SPDX-License-Identifier: Apache-2.0
"""
Processes that can be killed and frozen with everything they started.

Each one begins a session of its own. Children keep the session when they change their process group (Airflow's tasks
do) and when their parent dies, so it tells whose they are.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

#: How often a signal is repeated to the remaining processes, ten times a second.
_TIMES = 600


class ProcessTree:
    """
    A process and its descendants.

    :param name: For messages.
    :param command: Program and arguments.
    :param environment: All of it.
    :param log: File that gets what they print; they run in its folder.
    :param user: Who runs them; None for the user of the tests. Another user runs them in the root folder.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, user: str | None = None
    ) -> None:
        self.name = name
        self.log = log
        self._is_killed = False
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=log.parent if user is None else "/",  # not the repository: the installed package is tested
                user=user,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Id of the first process, and of the session."""
        return self._process.pid

    def check_runs(self) -> None:
        """
        Make sure that the first process has not ended.

        :raises AssertionError: It has; has the end of its log.
        """
        code = self._process.poll()
        assert code is None, f"{self.name} ended with {code}:\n{self.tail()}"

    def wait(self, seconds: float) -> int:
        """
        Wait for the end of the first process.

        :return: Its exit code.
        """
        return self._process.wait(seconds)

    def members(self) -> list[psutil.Process]:
        """Return the processes that are alive, without zombies."""
        if self._is_killed:  # the id may belong to another process now
            return []
        return [one for one in psutil.process_iter() if _session_of(one.pid) == self.pid and _lives(one)]

    def cpu_seconds(self) -> float:
        """Return the CPU time of the living processes and of their children that have ended."""
        seconds = 0.0
        for one in self.members():
            with contextlib.suppress(psutil.NoSuchProcess):
                seconds += sum(one.cpu_times()[:4])
        return seconds

    def freeze(self) -> None:
        """
        Stop them all with SIGSTOP, those too that are started meanwhile.

        :raises AssertionError: One runs on.
        """
        for _ in range(_TIMES):
            if not self._signal(signal.SIGSTOP, without=psutil.STATUS_STOPPED):
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.name} could not be frozen")

    def thaw(self) -> None:
        """Let all continue."""
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Request the first process to end, which ends the others."""
        self._process.terminate()

    def kill(self) -> None:
        """
        Kill them all with SIGKILL.

        :raises AssertionError: One lives on.
        """
        for _ in range(_TIMES):
            if not self._signal(signal.SIGKILL):
                break
            time.sleep(0.1)
        assert self.members() == [], f"{self.name} could not be killed"
        self._is_killed = True
        self._process.wait(60)

    def tail(self, lines: int = 60, without: str = "\0") -> str:
        """
        Return the end of the log.

        :param lines: How many lines at most.
        :param without: Lines that have this are left out.
        """
        text = self.log.read_text(errors="replace")
        return "\n".join([line for line in text.splitlines() if without not in line][-lines:])

    def _signal(self, number: signal.Signals, without: str | None = None) -> int:
        """Send a signal to the members that are not in a state; return their number."""
        members = [one for one in self.members() if _state(one) != without]
        for one in members:
            # Its parent may have ended it meanwhile: gunicorn replaces a child that was stopped.
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(number)
        return len(members)


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _lives(process: psutil.Process) -> bool:
    return _state(process) not in (None, psutil.STATUS_ZOMBIE)


def _state(process: psutil.Process) -> str | None:
    try:
        return str(process.status())
    except psutil.NoSuchProcess:
        return None
