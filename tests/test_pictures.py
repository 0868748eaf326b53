# SPDX-License-Identifier: Apache-2.0
"""The camera of ``make pictures``, on pages of the emulator."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
sys.path.append(str(SCRIPTS))  # its modules import each other as scripts do

import pictures  # noqa: E402

from airflow_provider_polaris.emulator.server import running_emulator  # noqa: E402
from tests.emulator.pages.browser import Page, chromium, needs_chromium  # noqa: E402

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Page]:
    """A browser that shows the list of jobs, which is empty."""
    with running_emulator() as running, chromium(tmp_path_factory.mktemp("chromium")) as browser:
        page = Page(browser, running.base_url)
        page.open("/jobs")
        yield page


@pytest.fixture
def camera(page, tmp_path, monkeypatch) -> Any:
    """A camera without waits: these pages are drawn immediately."""
    monkeypatch.setattr(pictures, "FOLDER", tmp_path)
    monkeypatch.setattr(pictures, "PATIENCE", 0)
    monkeypatch.setattr(pictures.time, "sleep", lambda _: None)
    return pictures.Photographer(page)


def size(path: Path) -> tuple[int, ...]:
    """Return width and height of a picture."""
    return struct.unpack(">II", path.read_bytes()[16:24])


def test_picture_up_to_an_element_ends_below_it_and_begins_at_the_top(camera, page, tmp_path) -> None:
    """Whatever the scroll position of the window."""
    page.resize(900, 60)
    page.run("scrollTo(0, 500)")
    camera.take("jobs", width=900, height=100, last=("section", "There are no jobs yet."), margin=5)
    edge = page.run("Math.round(document.querySelector('section').getBoundingClientRect().bottom)")
    assert size(tmp_path / "jobs.png") == (900, edge + 5)
    assert page.run("scrollY") == 0


def test_field_that_is_filled_has_the_text(camera, page) -> None:
    """Found by a selector, clicked and typed into."""
    page.resize(900)
    camera.fill("#text", "SOUNDEX")
    assert page.run("document.getElementById('text').value") == "SOUNDEX"


def test_columns_of_pictures_are_shown_beside_each_other(camera, page, tmp_path) -> None:
    """Two parts on the left, one on the right, nothing around them."""
    page.resize(900)
    parts = [camera.shoot((0, 0, 100, height)) for height in (30, 40, 50)]
    camera.show(parts[:2], parts[2:])
    camera.take("columns", width=201, last=("body",))
    assert size(tmp_path / "columns.png") == (201, 70)
    page.open("/jobs")


def test_element_that_is_not_there_is_told_with_a_picture(camera, tmp_path) -> None:
    """The error names the selector to fix after an upgrade of Airflow."""
    with pytest.raises(SystemExit) as caught:
        camera.click("button", "Extra Fields")
    assert str(caught.value) == f"'button' 'Extra Fields' is not there; see {tmp_path / 'failed.png'}."
    assert size(tmp_path / "failed.png") == (1280, 800)
