# SPDX-License-Identifier: Apache-2.0
"""
``airflow polaris explain``: print entries of the troubleshooting page as plain text.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from airflow_provider_polaris.cli.commands import WRONG_ARGUMENTS
from airflow_provider_polaris.cli.output import Output

_PACKAGE: Final = Path(__file__).resolve().parents[1]
#: Path in a wheel, and in an editable installation, which has no copy of the page.
_PLACES: Final = (_PACKAGE / "troubleshooting.md", _PACKAGE.parent / "docs" / "troubleshooting.md")
_WIDEST: Final = 100


def explain(arguments: Any, screen: Output) -> int:
    """Print all entries with the word in their name. Without a word or a match, list the entries."""
    page = _page()
    entries = _entries(page)
    if arguments.error is None:
        screen.print_result(_overview(page, entries))
        return 0
    # Also accepts the form in a log or a link: "package.module.PolarisGuardError:",
    # "troubleshooting.md#polarisguarderror".
    word = re.split(r"[.#/]", arguments.error.strip(" .:#"))[-1].lower()
    found = [name for name in entries if word and word in name.lower()]
    if not found:
        screen.print_message(
            f"polaris: no entry matches {arguments.error!r}. The entries are:\n\n{_overview(page, entries)}"
        )
        return WRONG_ARGUMENTS
    screen.print_result("\n\n".join(f"{name}\n\n{_plain(entries[name])}" for name in found))
    return 0


def _page() -> str:
    return next((path for path in _PLACES if path.is_file()), _PLACES[0]).read_text(encoding="utf-8")


def _entries(page: str) -> Mapping[str, str]:
    """Return the text below each heading, by heading."""
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def _overview(page: str, entries: Mapping[str, str]) -> str:
    """Return the name of each entry, with its row of the page's first table if there is one."""
    said = dict(re.findall(r"^\| \[(\w+)\]\(#\w+\) \| (.+?) \|", page, re.MULTILINE))
    width = max(map(len, said))
    return "\n".join(f"{name.ljust(width)}  {_words(said[name])}" if name in said else name for name in entries)


def _plain(markdown: str) -> str:
    """Return paragraphs and tables as text for a terminal."""
    return "\n\n".join(_table(block) if block.startswith("|") else _wrap(block) for block in markdown.split("\n\n"))


def _table(block: str) -> str:
    """Return each row as its first cell, with the others below it."""
    header, _, *rows = (line.strip("| ").split(" | ") for line in block.splitlines())
    lines = [_wrap(f"{': '.join(header)}:")]
    for first, *others in rows:
        lines += [_wrap(first, "- ", "  "), *(_wrap(cell, "    ", "    ") for cell in others)]
    return "\n".join(lines)


def _wrap(text: str, begin: str = "", indent: str = "") -> str:
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    return textwrap.fill(
        _words(text),
        width,
        initial_indent=begin,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _words(text: str) -> str:
    """Return text without Markdown marks. A link to another page becomes the page's path."""
    pieces = re.sub(r"\[(.+?)\]\((.+?)\)", _link, text).split("`")
    pieces[::2] = [re.sub(r"\*(.+?)\*", r"\1", piece) for piece in pieces[::2]]
    return "".join(pieces)


def _link(match: re.Match[str]) -> str:
    text, target = match.groups()
    if target.startswith("#"):
        return text
    return f"{text} ({target if ':' in target else posixpath.normpath(f'docs/{target}')})"
