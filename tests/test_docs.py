# SPDX-License-Identifier: Apache-2.0
"""The documentation agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"<!-- (?P<file>[\w./]+)#(?P<region>\w+) -->\n```python\n(?P<code>.*?)```", re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _region(file: str, region: str) -> str:
    text = (ROOT / file).read_text()
    # Two blank lines go before a marker that follows a function; the page ends with the code.
    return text.split(f"# [START {region}]\n")[1].split(f"# [END {region}]")[0].rstrip("\n") + "\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_blocks_equal_the_examples_byte_for_byte(page: Path) -> None:
    """Code on a page is a marked region of a file that the tests run."""
    text = page.read_text()
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```python")
    for block in blocks:
        assert block["code"] == _region(block["file"], block["region"])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_links_lead_to_files(page: Path) -> None:
    """A link to a file of the repository has a target."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def _what_happens(page: str) -> list[str]:
    """Return the rows of the table of retries, kills and time-outs, without their links."""
    table = re.search(r"^\| event \| what the operators do \|\n(?:\|.*\n)+", (ROOT / page).read_text(), re.MULTILINE)
    return re.sub(r"\[(.+?)\]\(.+?\)", r"\1", table[0]).splitlines()


def test_readme_and_the_page_on_retries_have_the_same_table() -> None:
    """What a retry, a clear, a kill and a time-out do is described twice, in the same words."""
    assert _what_happens("README.md") == _what_happens("docs/howto/retries.md")
    assert len(_what_happens("README.md")) > 10


def _emulator_page() -> str:
    return (ROOT / "docs" / "emulator.md").read_text()


def test_emulator_page_lists_every_endpoint() -> None:
    """The coverage table has exactly the routes of the application."""
    from airflow_provider_polaris.emulator.app import create_app

    prefix = "/v1/projects/{project_id}"
    app = create_app()
    routed = {
        (method, path.removeprefix(prefix))
        for route in app.routes
        for method in route.methods
        if (path := route.path).startswith(prefix)
    }
    app.state.emulator.close()
    rows = re.findall(r"^\| ([A-Z, ]+) \| `(/[^`]+)` \|", _emulator_page(), re.MULTILINE)
    assert {(method, path) for methods, path in rows for method in methods.split(", ")} == routed


def test_emulator_page_lists_every_function() -> None:
    """The named functions are those that are translated."""
    from airflow_provider_polaris.emulator.sql import functions
    from airflow_provider_polaris.emulator.sql.functions import aggregates

    section = _emulator_page().split("## SQL")[1].split("## What it does not do")[0]
    lists = " ".join(re.findall(r"^(?:- \w+: |  )(.*)$", section, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", lists)) == {*functions.FUNCTIONS, *aggregates.FUNCTIONS}
