"""The documentation says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"<!-- (?P<file>[\w./]+)#(?P<region>\w+) -->\n```python\n(?P<code>.*?)```", re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _region(file: str, region: str) -> str:
    text = (ROOT / file).read_text()
    return text.split(f"# [START {region}]\n")[1].split(f"# [END {region}]")[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_python_blocks_equal_the_examples_byte_for_byte(page: Path) -> None:
    """Code on a page is a marked region of a file that the tests run."""
    text = page.read_text()
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```python")
    for block in blocks:
        assert block["code"] == _region(block["file"], block["region"])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_relative_links_lead_to_files(page: Path) -> None:
    """A link to a file of the repository finds it."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
