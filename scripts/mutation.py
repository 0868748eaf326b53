# SPDX-License-Identifier: Apache-2.0
"""
Change the code of a package one place at a time, and print the changes that its tests don't notice.

mutmut works in a copy of the checkout, ``build/mutation/PACKAGE``, where it continues when it is run again, and tries
again what no test noticed before. A package is a folder of ``airflow_provider_polaris``; its tests are those of the
same folder of ``tests``. What the type checker refuses needs no test.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: mutmut's exit codes for a change that survived, and for one that no test reaches.
UNNOTICED = (0, 5, 33)


def copy(package: str, expression: str) -> Path:
    """Copy what git has, and what is new, with a configuration for one package; return the folder."""
    folder = ROOT / "build" / "mutation" / package.replace("/", "_")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    options = [
        "[tool.mutmut]",
        f'only_mutate = ["airflow_provider_polaris/{package}/*"]',
        f'pytest_add_cli_args_test_selection = ["tests/{package}"]',
    ]
    settings = folder / "pyproject.toml"
    text = settings.read_text().replace("[tool.mutmut]", "\n".join(options), 1)
    if expression:
        text = text.replace("not examples_in_the_docstrings", f"not examples_in_the_docstrings and ({expression})", 1)
    settings.write_text(text)
    return folder


def forget_unnoticed(folder: Path) -> None:
    """Let mutmut try again what no test noticed, and ask again which tests reach it; it keeps both otherwise."""
    (folder / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    for file in (folder / "mutants").rglob("*.meta"):
        results = json.loads(file.read_text())
        ends = results["exit_code_by_key"]
        results["exit_code_by_key"] = {name: None if end in UNNOTICED else end for name, end in ends.items()}
        file.write_text(json.dumps(results))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("packages", nargs="+", help="such as jobs/guards")
    parser.add_argument("--tests", default="", help="pytest's -k: the fast tests of a package first")
    parser.add_argument("--children", default="1", help="changes that are tested at once")
    arguments = parser.parse_args()
    # The type checker is the one of this environment.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    mutmut = [sys.executable, "-m", "mutmut"]
    for package in arguments.packages:
        folder = copy(package, arguments.tests)
        forget_unnoticed(folder)
        run = [*mutmut, "run", "--max-children", arguments.children]
        subprocess.run(run, cwd=folder, env={**os.environ, "PATH": path}, check=True)
        results = [*mutmut, "results", "--all", "true"]
        lines = subprocess.run(results, cwd=folder, check=True, capture_output=True, text=True).stdout.splitlines()
        ends = [line.strip().rpartition(": ")[::2] for line in lines]
        for name, end in ends:
            if end not in ("killed", "caught by type check"):
                print(f"{end}: {name}")
        print(f"{package}: {dict(Counter(end for _, end in ends))}")
        print(f"To see one: cd {folder} && {sys.executable} -m mutmut show NAME")


if __name__ == "__main__":
    main()
