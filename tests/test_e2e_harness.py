# SPDX-License-Identifier: Apache-2.0
"""The process functions of the end-to-end scenarios, on idle processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

sys.path.append(str(Path(__file__).parent / "e2e"))  # for the package 'harness', as the scenarios' conftest does

from harness.processes import ProcessTree
from harness.waiting import eventually

PARENT = """
import subprocess, sys
with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
    print("started", flush=True)
    child.wait()
"""


@pytest.fixture
def tree(tmp_path) -> Iterator[ProcessTree]:
    """A process with a child."""
    tree = ProcessTree("a tree", [sys.executable, "-c", PARENT], os.environ, tmp_path / "log")
    eventually(tree.log.read_text, lambda text: "started" in text, what="the child")
    yield tree
    tree.kill()


def test_frozen_tree_is_stopped_with_its_child_and_goes_on_when_thawed(tree) -> None:
    """No process is omitted."""
    assert len(tree.members()) == 2
    tree.freeze()
    assert {one.status() for one in tree.members()} == {psutil.STATUS_STOPPED}
    tree.thaw()
    eventually(
        lambda: {one.status() for one in tree.members()}, lambda seen: psutil.STATUS_STOPPED not in seen, what="a thaw"
    )


def test_process_that_has_gone_since_it_was_found_is_no_error(tree, monkeypatch) -> None:
    """A parent that continues first replaces a child that was stopped too long."""
    members = tree.members()
    (child,) = (one for one in members if one.pid != tree.pid)
    tree.freeze()
    child.kill()
    tree.thaw()
    eventually(tree.members, lambda left: child not in left, what="the child's end")
    with monkeypatch.context() as patch:
        patch.setattr(tree, "members", lambda: members)
        tree.thaw()
