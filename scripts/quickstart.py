# SPDX-License-Identifier: Apache-2.0
"""
Run a page of ``docs/quickstart`` as a reader does: each line, in one shell, in an empty directory.

The lines of the blocks marked ``sh`` are sent to bash as they are; only the values of the ``export`` lines that the
page asks to replace are replaced. After a block the lines of the next block marked ``output`` must be in what it
printed. ``--set`` gives the addresses of services. Without it, the page on Polaris gets an emulator and the values that
it names for it, and the page on Druid the Druid 27 of ``make druid``, which is stopped afterwards unless it ran before.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "quickstart"
BLOCK = re.compile(r"^```(sh|output)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: Seconds for a whole page.
LIMIT = 1200


class Block(NamedTuple):
    """Lines for the shell, and what they print among other lines."""

    lines: str
    printed: tuple[str, ...]


def blocks(page: str) -> list[Block]:
    """
    Return the blocks of a page in their order.

    :param page: Its text.
    """
    found: list[Block] = []
    for kind, text in BLOCK.findall(page):
        if kind == "sh":
            found.append(Block(text, ()))
        else:
            found[-1] = found[-1]._replace(printed=(*found[-1].printed, *text.splitlines()))
    return found


def replace_values(lines: str, values: dict[str, str]) -> str:
    """
    Return the lines with other values in their lines ``export NAME=…``.

    :param lines: Lines for the shell.
    :param values: The values by their names.
    """
    for name, value in values.items():
        lines = re.sub(
            rf"^export {name}=.*$", lambda _, n=name, v=value: f"export {n}={shlex.quote(v)}", lines, flags=re.M
        )
    return lines


def script(found: list[Block], values: dict[str, str]) -> str:
    """
    Return a script that ends at the first line that fails, and prints a mark after each block.

    :param found: The blocks.
    :param values: As for :func:`replace_values`.
    """
    parts = [f"{replace_values(block.lines, values)}echo '=== end of block {n}'\n" for n, block in enumerate(found)]
    return "set -eo pipefail\n" + "".join(parts)


def missing(found: list[Block], output: str) -> list[str]:
    """
    Return what should have been printed and was not; the first is a block that did not end.

    :param found: The blocks.
    :param output: What the script printed.
    """
    rest, problems = output, []
    for number, block in enumerate(found):
        printed, mark, rest = rest.partition(f"=== end of block {number}\n")
        if not mark:
            return [*problems, f"block {number} failed:\n{block.lines}"]
        problems += [f"block {number} did not print {line!r}" for line in block.printed if line not in printed]
    return problems


def run(page: str, values: dict[str, str]) -> None:
    """
    Run a page.

    :param page: Its name, without folder and ending.
    :param values: What replaces the values of the page; CHECKOUT is this checkout.
    :raises SystemExit: A line fails, or something was not printed; has all output.
    """
    found = blocks((PAGES / f"{page}.md").read_text())
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON", "VIRTUAL"))}
    begin = time.monotonic()
    with TemporaryDirectory(prefix=f"quickstart-{page}-") as name:
        shell = subprocess.Popen(
            ["bash", "-c", script(found, {"CHECKOUT": str(ROOT), **values})],
            cwd=name,
            env=kept,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = shell.communicate(timeout=LIMIT)
        finally:
            with suppress(ProcessLookupError):  # what the page started and did not end
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    problems = missing(found, output)
    if problems or shell.returncode:
        raise SystemExit("\n".join([output, *problems]))
    print(f"{page}: all {len(found)} blocks do what the page says, in {time.monotonic() - begin:.0f} s", flush=True)


@contextmanager
def emulator() -> Iterator[dict[str, str]]:
    """Run an emulator for as long as the block lasts; gives the values that the page on Polaris names for it."""
    command = [Path(sys.executable).with_name("polaris-emulator"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = next(
                (found[0] for line in server.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line))), ""
            )
            page = (PAGES / "polaris.md").read_text()
            _, project, key = re.findall(r"`(http://127\S+|0{8}-\S+|pok_emulator)`", page)
            yield {"POLARIS_URL": address, "POLARIS_PROJECT": project, "POLARIS_KEY": key}
        finally:
            server.terminate()
            server.wait(20)


def missing_for_druid() -> str | None:
    """Return what Druid lacks on this machine, as a sentence; None if it can be started."""
    sys.path.append(str(ROOT / "scripts" / "druid"))
    from cluster import ToolMissing, check_java, check_maven

    try:
        check_java()
        check_maven()
    except ToolMissing as error:
        return str(error)
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="+", choices=sorted(path.stem for path in PAGES.glob("*.md")))
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="other values of export lines")
    arguments = parser.parse_args()
    for page in arguments.pages:
        with ExitStack() as stack:
            values = dict(each.split("=", 1) for each in arguments.set)
            if page == "polaris" and not values:
                values = stack.enter_context(emulator())
            if page == "druid" and not values:
                if reason := missing_for_druid():
                    print(f"druid: not run. {reason}")
                    continue
                from demo_druid import local_druid

                values = {"DRUID_ROUTER": stack.enter_context(local_druid())}
            run(page, values)


if __name__ == "__main__":
    main()
