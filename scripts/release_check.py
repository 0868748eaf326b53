# SPDX-License-Identifier: Apache-2.0
"""
Try a wheel as a stranger would: a new environment, no repository, the local Polaris, one example DAG.

Builds wheel and sdist twice and compares them, lets twine check them, installs the wheel, and runs everything else in a
directory of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "airflow_provider_polaris"
DAG, DAY, TABLE = "koalas_rollup", "2024-06-02", "Koalas Rollup"
BEGIN = time.monotonic()

IMPORT_ALL = f"""
import importlib, pkgutil, warnings
import {PACKAGE}
warnings.simplefilter("error")
names = [module.name for module in pkgutil.walk_packages({PACKAGE}.__path__, "{PACKAGE}.")]
for name in names:
    if ".example_dags" in name or name.endswith(".__main__"):
        continue
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] not in ("openlineage", "pytest"):  # who wants those has them
            raise
print(len(names), {PACKAGE}.__path__[0])
"""


def say(text: str) -> None:
    print(f"[{time.monotonic() - BEGIN:5.1f} s] {text}", flush=True)


def run(command: list[Any], home: Path, environment: dict[str, str] | None = None) -> str:
    """Run a command outside the repository and return what it prints; what a failure printed is shown."""
    done = subprocess.run(
        [*map(str, command)], cwd=home, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{done.stdout}{done.stderr}\n{command[0]} failed with {done.returncode}: {command[1:]}")
    return done.stdout


def build(folder: Path) -> list[Path]:
    """
    Build wheel and sdist twice, and return those of the first time.

    :raises SystemExit: The second time gives other bytes.
    """
    for name in ("dist", "again"):
        run([sys.executable, "-m", "hatchling", "build", "-d", folder / name], ROOT)
    built = sorted((folder / "dist").glob("airflow*"))
    for each in built:
        if each.read_bytes() != (folder / "again" / each.name).read_bytes():
            raise SystemExit(f"Two builds of {each.name} differ.")
    return built


def clean_environment(home: Path) -> dict[str, str]:
    """Return the variables of a shell that knows neither this repository nor another Airflow."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON", "VIRTUAL"))}
    return {**kept, "AIRFLOW_HOME": str(home / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}


@contextmanager
def emulator(bin_folder: Path, home: Path, environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Serve the demo's Polaris; gives its address and the connection as it prints them."""
    command = [bin_folder / "polaris-emulator", "--port", "0", "--seed-demo"]
    with subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            printed = (re.search(r"AIRFLOW_CONN_POLARIS_DEFAULT='(.*)'", line) for line in server.stdout)
            connection = next((found[1] for found in printed if found), None)
            if connection is None:
                raise SystemExit("The emulator did not start; its message stands above.")
            yield json.loads(connection)["host"], connection
        finally:
            server.terminate()
            server.wait(20)


def rows_in(address: str, table: str) -> int:
    """Count a table's rows with the emulator's API."""
    request = urllib.request.Request(  # noqa: S310  # the emulator's address
        f"{address}/v1/projects/00000000-0000-4000-8000-000000000001/query/sql",
        data=json.dumps({"query": f'SELECT COUNT(*) AS "n" FROM "{table}"'}).encode(),
        headers={"Authorization": "Basic pok_emulator", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return int(json.load(answer)[0]["n"])


def try_wheel(wheel: Path, constraints: Path, home: Path) -> None:
    """Install it and run the example."""
    uv = Path(sys.executable).with_name("uv")
    run([uv, "venv", "--quiet", "--python", sys.executable, home / "venv"], home)
    bin_folder = home / "venv" / "bin"
    say("Installing the wheel into a new environment …")
    python = bin_folder / "python"
    run([uv, "pip", "install", "-q", "--python", python, "-c", constraints, f"{wheel}[emulator]"], home)
    environment = clean_environment(home)
    count, place = run([python, "-c", IMPORT_ALL], home, environment).split()[-2:]
    if not Path(place).is_relative_to(home):
        raise SystemExit(f"The package came from {place} and not from the wheel.")
    say(f"All {count} modules can be imported")
    dags = home / "dags"  # Airflow loads nothing from the package's own folder
    dags.mkdir()
    shutil.copy(Path(place) / "example_dags" / f"{DAG}.py", dags)
    environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
    airflow = bin_folder / "airflow"
    run([airflow, "db", "migrate"], home, environment)
    found = run([airflow, "providers", "list", "-o", "plain"], home, environment)
    if "airflow-provider-polaris" not in found:
        raise SystemExit(f"Airflow doesn't find the provider:\n{found}")
    say("Airflow lists the provider")
    with emulator(bin_folder, home, environment) as (address, connection):
        environment["AIRFLOW_CONN_POLARIS_DEFAULT"] = connection
        run([airflow, "dags", "test", DAG, DAY], home, environment)
        rows = rows_in(address, TABLE)
    if rows == 0:
        raise SystemExit(f"{DAG} succeeded, but {TABLE!r} is empty.")
    say(f"{DAG} of the wheel has run: {TABLE!r} holds {rows:,} rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--constraints", type=Path, default=ROOT / "constraints.txt")
    constraints: Path = parser.parse_args().constraints.resolve()
    with TemporaryDirectory(prefix="release-") as name:
        home = Path(name)
        say("Building wheel and sdist …")
        built = build(home)
        for each in built:
            say(f"Two builds are equal: {hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}")
        run([sys.executable, "-m", "twine", "check", "--strict", *built], home)
        say(f"twine has nothing to say against {' and '.join(each.name for each in built)}")
        try_wheel(next(each for each in built if each.suffix == ".whl"), constraints, home)
    say("Done.")


if __name__ == "__main__":
    main()
