# SPDX-License-Identifier: Apache-2.0
"""The script that runs the quick starts: what it takes from a page, and what it finds missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
sys.path.append(str(SCRIPTS))

import quickstart  # noqa: E402

PAGE = """
```sh
export PLACE=there
echo "$PLACE"
```

text

```output
here
```

```
echo not run
```

```sh
echo second
```
"""


def run(page: str, **values: str) -> tuple[list[quickstart.Block], str]:
    found = quickstart.blocks(page)
    command = ["bash", "-c", quickstart.script(found, values)]
    return found, subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_page_runs_with_the_values_of_the_reader() -> None:
    """Only blocks marked for the shell run, in one shell; the value of the page is replaced."""
    found, output = run(PAGE, PLACE="over here")
    assert output == "over here\n=== end of block 0\nsecond\n=== end of block 1\n"
    assert quickstart.missing(found, output) == []


def test_output_that_the_page_promises_and_that_does_not_come_is_named() -> None:
    """The page says 'here' for its first block; its own value prints 'there', which has it, and this one not."""
    found, output = run(PAGE, PLACE="elsewhere")
    assert quickstart.missing(found, output) == []
    found, output = run(PAGE, PLACE="nowhat")
    assert quickstart.missing(found, output) == ["block 0 did not print 'here'"]


def test_line_that_fails_ends_the_page_there() -> None:
    """What comes after it doesn't run, and the block is shown."""
    found, output = run("```sh\necho a\nfalse\necho b\n```\n")
    assert output == "a\n"
    assert quickstart.missing(found, output) == ["block 0 failed:\necho a\nfalse\necho b\n"]


@pytest.mark.parametrize("page", sorted(quickstart.PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_every_command_of_a_quick_start_is_run(page: Path) -> None:
    """A block without a mark would be neither run nor compared, and each page checks what it says it prints."""
    text = page.read_text()
    found = quickstart.blocks(text)
    assert text.count("\n```") == 2 * (len(found) + text.count("\n```output\n"))
    assert sum(bool(block.printed) for block in found) >= 3
    assert "export CHECKOUT=" in found[0].lines
