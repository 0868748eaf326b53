# SPDX-License-Identifier: Apache-2.0
"""Start and stop the processes of a small Apache Druid, each known by its id and by a property on its command line."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from configuration import HOST, PROCESSES, Version, files

HERE = Path(__file__).resolve().parent
#: Seconds until all processes answer; they need about 20 on two idle cores.
START_SECONDS = 300
#: Seconds until a process that was asked to end is killed.
STOP_SECONDS = 15
#: What Druid's own start scripts open for Java 17.
OPENED = (
    *(f"--add-exports=java.base/{name}=ALL-UNNAMED" for name in ("jdk.internal.ref", "jdk.internal.misc")),
    *(
        f"--add-opens=java.base/{name}=ALL-UNNAMED"
        for name in ("java.nio", "sun.nio.ch", "jdk.internal.ref", "java.io", "java.lang")
    ),
    "--add-opens=jdk.management/com.sun.management.internal=ALL-UNNAMED",
)


class ClusterError(Exception):
    """The cluster can't be started; the message is a sentence for the user."""


class ToolMissing(ClusterError):  # noqa: N818  # names what the machine lacks
    """Java or Maven is missing."""


class Cluster:
    """
    One Druid in one folder.

    :param version: Which.
    :param home: Folder for jars, configuration, logs and data.
    """

    def __init__(self, version: Version, home: Path) -> None:
        self.version = version
        self.home = home.resolve()

    def url(self, name: str) -> str:
        """Return the address of a process."""
        return f"http://{HOST}:{self.version.port(name)}"

    def start(self) -> float:
        """
        Start every process that is not running, and wait until the cluster answers.

        :return: Seconds until then.
        :raises ClusterError: Java or Maven is missing, a process ended, or the time is up.
        """
        began = time.monotonic()
        java = check_java()
        for name in ("pids", "log", "conf", "var/tmp"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        self._fetch_jars()
        for path, text in files(self.version, self.home).items():
            target = self.home / "conf" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        for name in PROCESSES:
            if not self.is_running(name):
                self._launch(name, java)
        while not self._is_ready():
            for name in PROCESSES:
                if not self.is_running(name):
                    raise ClusterError(f"The process {name} ended. Its last lines:\n{self._last_lines(name)}")
            if time.monotonic() - began > START_SECONDS:
                raise ClusterError(f"Druid does not answer after {START_SECONDS} s. Its logs are in {self.home}/log.")
            time.sleep(1)
        # By default a replaced segment stays loaded for 15 minutes, and its old column types count until then.
        self._post("coordinator", "/druid/coordinator/v1/config", {"millisToWaitBeforeDeleting": 0})
        return time.monotonic() - began

    def stop(self) -> list[str]:
        """End the processes by their ids, and return the names of those that were running."""
        stopped = []
        for name in reversed(PROCESSES):
            if self.is_running(name):
                self.kill(name, signal.SIGTERM)
                for _ in range(STOP_SECONDS * 4):
                    if not self.is_running(name):
                        break
                    time.sleep(0.25)
                else:
                    self.kill(name, signal.SIGKILL)
                stopped.append(name)
            self._pid_file(name).unlink(missing_ok=True)
        return stopped

    def drop_data(self) -> None:
        """Delete tables, tasks and logs; the jars stay."""
        shutil.rmtree(self.home / "var", ignore_errors=True)

    def is_running(self, name: str) -> bool:
        """Whether the process that was started under this name is alive; another process with its id is not it."""
        pid = self.pid(name)
        if pid is None:
            return False
        seen = subprocess.run(
            ["ps", "-ww", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
        return self._property(name) in seen.split() and not seen.startswith("Z")

    def kill(self, name: str, sign: signal.Signals) -> None:
        """Send a signal to a process that is running."""
        pid = self.pid(name)
        if pid is not None and self.is_running(name):
            os.kill(pid, sign)

    def pid(self, name: str) -> int | None:
        """Return the id under which a process was started last."""
        try:
            return int(self._pid_file(name).read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _pid_file(self, name: str) -> Path:
        return self.home / "pids" / name

    def _property(self, name: str) -> str:
        return f"-Dpolaris.druid={self.home}/{name}"

    def _fetch_jars(self) -> None:
        pom = HERE / f"{self.version.number}.xml"
        stamp, digest = self.home / "lib" / ".stamp", hashlib.sha256(pom.read_bytes()).hexdigest()
        if stamp.exists() and stamp.read_text() == digest:
            return
        print("Fetching the jars, about 130 MB.", flush=True)
        for folder in ("lib", "ext"):
            shutil.rmtree(self.home / folder, ignore_errors=True)
        command = [check_maven(), "-q", "-B", "-f", str(pom), f"-Dout={self.home}", "generate-resources"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            errors = "\n".join(line for line in done.stdout.splitlines() if "ERROR" in line)[:2000]
            raise ClusterError(f"Maven could not fetch Druid's jars:\n{errors or done.stderr[:2000]}")
        stamp.write_text(digest)

    def _launch(self, name: str, java: str) -> None:
        heap, direct, arguments = PROCESSES[name]
        more = (f"{self.home}/conf/zoo.cfg",) if name == "zookeeper" else ()
        command = [
            java,
            self._property(name),
            "-server",
            "-Xms64m",
            f"-Xmx{heap}",
            f"-XX:MaxDirectMemorySize={direct}",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            *OPENED,
            "-Duser.timezone=UTC",
            "-Dfile.encoding=UTF-8",
            f"-Djava.io.tmpdir={self.home}/var/tmp",
            "-Djava.net.preferIPv4Stack=true",
            "-Djava.util.logging.manager=org.apache.logging.log4j.jul.LogManager",
            "-Dlog4j.shutdownHookEnabled=false",
            f"-Dderby.stream.error.file={self.home}/log/derby.log",
            "-cp",
            f"{self.home}/conf/{name}:{self.home}/conf:{self.home}/lib/*",
            *arguments,
            *more,
        ]
        with (self.home / "log" / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=self.home / "var",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal must not end it
            )
        self._pid_file(name).write_text(str(process.pid))

    @property
    def _headers(self) -> dict[str, str]:
        if self.version.admin is None:
            return {"Accept": "application/json"}
        login = base64.b64encode(":".join(self.version.admin).encode()).decode()
        return {"Accept": "application/json", "Authorization": f"Basic {login}"}

    def _is_ready(self) -> bool:
        checks = (
            ("broker", "/status/health"),
            ("historical", "/status/health"),
            ("router", "/status/health"),
            ("broker", "/druid/broker/v1/readiness"),
            ("historical", "/druid/historical/v1/readiness"),
        )
        if not all(self._get(name, path) is not None for name, path in checks):
            return False
        workers = self._get("coordinator", "/druid/indexer/v1/workers")
        servers = self._get("coordinator", "/druid/coordinator/v1/servers?simple")
        return "capacity" in json.dumps(workers) and "historical" in json.dumps(servers)

    def _get(self, name: str, path: str) -> Any:
        """Return the JSON of an answer, True for an empty one, None for none."""
        request = urllib.request.Request(self.url(name) + path, headers=self._headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                text = answer.read()
            return json.loads(text) if text.strip() else True
        except (OSError, ValueError):
            return None

    def _post(self, name: str, path: str, body: Any) -> None:
        headers = {**self._headers, "Content-Type": "application/json"}
        request = urllib.request.Request(self.url(name) + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30):
            pass

    def _last_lines(self, name: str) -> str:
        log = self.home / "log" / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-8:]) if log.exists() else "(no log)"


def check_java() -> str:
    """
    Return the path of Java 17 or newer.

    :raises ToolMissing: There is none.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    try:
        told = subprocess.run([java or "java", "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        raise ToolMissing("Druid needs Java 17, and no java is found. Install it, or set JAVA_HOME.") from None
    found = re.search(r'version "(\d+)', told)
    if not found or int(found[1]) < 17:
        raise ToolMissing(f"Druid needs Java 17 or newer; {java} is {told.splitlines()[0]}. Set JAVA_HOME.")
    return java or "java"


def check_maven() -> str:
    """
    Return the path of Maven.

    :raises ToolMissing: There is none.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise ToolMissing("Druid's jars are fetched by Maven, and no mvn is found. Install Maven 3.8 or newer.")
    return maven
