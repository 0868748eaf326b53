# SPDX-License-Identifier: Apache-2.0
"""``explain``: the troubleshooting page as text, wherever the package is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_polaris.cli import explain
from airflow_provider_polaris.jobs.errors import EXPLAIN, PolarisGuardError

ROOT = Path(__file__).resolve().parents[2]
PAGE = """\
# Troubleshooting

The log names the command.

| error | in one line | retried |
|---|---|---|
| [PolarisKoalaError](#polariskoalaerror) | a koala fell, `asleep` | no |
| [PolarisKoalaTreeError](#polariskoalatreeerror) | so did its *tree* | yes |

## No error, but something is wrong

It is too quiet.

## PolarisKoalaError

A koala `fell *out* of`
its *tree*. Nothing was [sent](connection.md#key), see [the tree](#polariskoalatreeerror).

| the sentence says | look at, do |
|---|---|
| `koala … fell` | Wake it: `SUM("__count" * 2)`, [`polaris test`](command-line.md) or [wait](https://example.org/a) |
| `it snores` | Nothing |

It wakes up *by itself*.

## PolarisKoalaTreeError

Plant another.
"""
OVERVIEW = """\
No error, but something is wrong
PolarisKoalaError      a koala fell, asleep
PolarisKoalaTreeError  so did its tree
"""
KOALA = """\
PolarisKoalaError

A koala fell *out* of its tree. Nothing was sent (docs/connection.md#key), see the tree.

the sentence says: look at, do:
- koala … fell
    Wake it: SUM("__count" * 2), polaris test (docs/command-line.md) or wait (https://example.org/a)
- it snores
    Nothing

It wakes up by itself.
"""
TREE = """\
PolarisKoalaTreeError

Plant another.
"""


@pytest.fixture
def page(monkeypatch, tmp_path) -> None:
    """Replace the real page with a small one, on a terminal that is wide enough."""
    path = tmp_path / "troubleshooting.md"
    path.write_text(PAGE)
    monkeypatch.setattr(explain, "_PLACES", (tmp_path / "not there.md", path))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize(
    "word",
    [
        "PolarisKoalaError",
        "polariskoalaerror",
        "airflow_provider_polaris.jobs.errors.PolarisKoalaError:",
        "docs/troubleshooting.md#polariskoalaerror",
        "KoalaE",
    ],
)
def test_explain_prints_the_entry_as_text(page, run, word) -> None:
    """The name is accepted as it occurs in a log or a link, or in part."""
    done = run("explain", word)
    assert (done.code, done.out, done.err) == (0, KOALA, "")


def test_explain_prints_all_entries_that_have_the_word(page, run) -> None:
    """All matches in the order of the page."""
    done = run("explain", "KOALA")
    assert (done.code, done.out, done.err) == (0, f"{KOALA}\n{TREE}", "")


def test_explain_without_a_word_lists_what_there_is(page, run) -> None:
    """Each entry with its line of the page's table."""
    done = run("explain")
    assert (done.code, done.out, done.err) == (0, OVERVIEW, "")


@pytest.mark.parametrize("word", ["wombat", "", "::"])
def test_explain_of_something_unknown_lists_what_there_is(page, run, word) -> None:
    """Exit code 2, as for any other wrong argument; an empty word matches no entry."""
    done = run("explain", word)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"polaris: no entry matches {word!r}. The entries are:\n\n{OVERVIEW}"


def test_explain_fits_the_terminal(page, run, monkeypatch) -> None:
    """Lines are broken between words at 100 characters, because longer lines are hard to read."""
    monkeypatch.setenv("COLUMNS", "40")
    assert '- koala … fell\n    Wake it: SUM("__count" * 2), polaris\n    test (docs/' in run("explain", "koalae").out
    monkeypatch.setattr(explain, "_PLACES", (ROOT / "docs" / "troubleshooting.md",))
    monkeypatch.setenv("COLUMNS", "300")
    lines = run("explain", "error").out.splitlines()
    assert 90 < max(map(len, lines)) <= 100


def test_explain_of_each_real_entry_leaves_no_mark_of_markdown(run) -> None:
    """Everything on the current page is readable as text."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    names = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert "PolarisGuardError" in names
    for name in names:
        done = run("explain", name)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"{name}\n\n")
        assert not re.search(r"`|\]\(|^\||^#", done.out, re.MULTILINE), name
    assert len(run("explain").out.splitlines()) == len(names)


def test_command_of_the_log_runs_without_airflow(tmp_path) -> None:
    """The command in a failed task's log works without a configured Airflow, because it imports no Airflow."""
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow" / "__init__.py").write_text("raise RuntimeError('Airflow is imported')\n")
    python, *command = PolarisGuardError.explained_by().split()
    assert (python, PolarisGuardError.explained_by()) == ("python", f"{EXPLAIN} PolarisGuardError")
    done = subprocess.run(
        [sys.executable, *command],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": "", "PYTHONUTF8": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("PolarisGuardError\n\nA guard refused the job")
