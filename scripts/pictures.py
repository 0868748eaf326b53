# SPDX-License-Identifier: Apache-2.0
"""
Take the pictures of README and docs from what ``make ui`` runs, with a headless Chromium.

Run by ``make pictures``, which starts both servers first; their addresses are in ``UI_AIRFLOW`` and ``UI_POLARIS``.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from demo import PORT, ROOT

from airflow_provider_polaris.emulator.settings import EmulatorSettings, connection_of

sys.path.insert(0, str(ROOT))

from tests.emulator.pages.browser import BINARY, Page, chromium

AIRFLOW, POLARIS = os.environ.get("UI_AIRFLOW", ""), os.environ.get("UI_POLARIS", "")
FOLDER = ROOT / "docs" / "pictures"
#: Seconds until a page of Airflow, which is drawn by a script, shows what is waited for.
PATIENCE = 60
#: Part of a page: x, y, width and height.
Box = tuple[float, float, float, float]
#: Part of a form of Airflow that unfolds.
PART = "[role=dialog] [data-part=item]"
#: Half of what is between two fields of it.
ABOVE = 10
COLUMNS = (
    "body { margin: 0; display: flex; gap: 1px; background: #cbd5e1 } div { background: #fff } img { display: block }"
)


class Photographer:
    """Goes to pages, waits until they show what the picture is about, and takes it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.call("Emulation.setScrollbarsHidden", hidden=True)

    def go(self, url: str, *words: str) -> None:
        """Go to a page and wait until it shows these words."""
        self._page.call("Page.navigate", url=url)
        for word in words:
            self.see(word)

    def see(self, word: str) -> None:
        """Wait until the page shows this."""
        end = time.monotonic() + PATIENCE
        while word not in str(self._page.run("document.body ? document.body.innerText : ''")):
            if time.monotonic() > end:
                self.take("failed")
                raise SystemExit(f"{word!r} did not show up; see {FOLDER / 'failed.png'}.")
            time.sleep(0.3)

    def click(self, selector: str, text: str = "") -> None:
        """Click the first element that matches, and has this text."""
        x, y, width, height = self.box(selector, text)
        for kind in ("mousePressed", "mouseReleased"):
            self._page.call(
                "Input.dispatchMouseEvent", type=kind, x=x + width / 2, y=y + height / 2, button="left", clickCount=1
            )

    def fill(self, selector: str, text: str) -> None:
        """Type a text into a field that is empty."""
        self.click(selector)
        self._page.call("Input.insertText", text=text)

    def choose(self, selector: str, text: str) -> None:
        """Choose what begins with a text in a list that one can type into."""
        self.fill(selector, text)
        time.sleep(1)  # the list is shortened by a script
        self._page.enter()

    def box(self, selector: str, text: str = "") -> Box:
        """Return where the first element is that matches, and has this text, once it is there."""
        matches = f"[...document.querySelectorAll({json.dumps(selector)})]"
        found = f"{matches}.find(e => e.innerText.includes({json.dumps(text)}))"
        end = time.monotonic() + PATIENCE
        while not self._page.run(f"!!({found})"):
            if time.monotonic() > end:
                self.take("failed")
                raise SystemExit(f"{selector!r} {text!r} is not there; see {FOLDER / 'failed.png'}.")
            time.sleep(0.3)
        time.sleep(1)  # what is drawn anew while data comes in takes no click, and what unfolds is on its way
        self._page.run(f"({found}).scrollIntoView({{block: 'nearest'}})")
        x, y, width, height = self._page.run(f"(b => [b.x, b.y, b.width, b.height])(({found}).getBoundingClientRect())")
        return x, y, width, height

    def shoot(self, box: Box | None = None) -> str:
        """Return a picture of the page or of a part of it, as base64."""
        # Nothing is ready to be typed into: a caret blinks.
        self._page.run("document.activeElement?.blur()")
        time.sleep(1)  # what fades in has done so
        clip = (
            {} if box is None else {"clip": {**dict(zip(("x", "y", "width", "height"), box, strict=True)), "scale": 1}}
        )
        return str(self._page.call("Page.captureScreenshot", format="png", **clip)["data"])

    def take(
        self, name: str, width: int = 1280, height: int = 800, *, last: tuple[str, ...] = (), margin: int = 0
    ) -> None:
        """
        Write ``docs/pictures/NAME.png``.

        :param width: Of the picture.
        :param height: Of the picture, unless an element is named.
        :param last: The element at whose lower edge the picture ends, see :meth:`box`.
        :param margin: What is shown below it.
        """
        self.resize(width, height)
        if last:
            _, y, _, tall = self.box(*last)
            self.resize(width, round(self._page.run("scrollY") + y + tall + margin))
            self._page.run("scrollTo(0, 0)")
        shot = self.shoot()
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{name}.png").write_bytes(base64.b64decode(shot))
        print(f"{name}.png", flush=True)

    def resize(self, width: int, height: int) -> None:
        """Make the window this large."""
        self._page.resize(width, height)

    def show(self, *columns: list[str]) -> None:
        """Show pictures instead of a page: columns beside each other, of pictures below each other."""
        pictures = ("".join(f'<img src="data:image/png;base64,{one}">' for one in column) for column in columns)
        html = f"<!doctype html><style>{COLUMNS}</style>" + "".join(f"<div>{column}</div>" for column in pictures)
        self._page.call("Page.navigate", url="about:blank")
        frame = self._page.call("Page.getFrameTree")["frameTree"]["frame"]["id"]
        self._page.call("Page.setDocumentContent", frameId=frame, html=html)


def ask(path: str) -> Any:
    """Return Airflow's JSON answer."""
    with urllib.request.urlopen(f"{AIRFLOW}/auth/token", timeout=60) as answer:  # noqa: S310
        token = json.load(answer)["access_token"]
    request = urllib.request.Request(AIRFLOW + path, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


def finished_run() -> str:
    """Return the id of a run of ``koalas_rollup`` that has succeeded."""
    end = time.monotonic() + 5 * PATIENCE
    while time.monotonic() < end:
        runs = ask("/api/v2/dags/koalas_rollup/dagRuns?state=success&order_by=logical_date")["dag_runs"]
        if runs:
            return str(runs[0]["dag_run_id"])
        time.sleep(1)
    raise SystemExit("No run of koalas_rollup has succeeded.")


def connection_form(camera: Photographer) -> None:
    """
    Take the form that adds a connection, filled in for the emulator.

    It has either the standard fields open or the extra ones, and these are taller than a screen: two columns.
    """
    camera.resize(720, 2600)
    connection = connection_of(f"http://127.0.0.1:{PORT}", EmulatorSettings())
    camera.go(f"{AIRFLOW}/connections", "polaris_default")
    camera.click("button", "Add Connection")
    camera.fill("[role=dialog] [name=connection_id]", "polaris_default")
    camera.choose("[role=dialog] [role=combobox]", "Imply Polaris")
    for name, value in (("host", connection["host"]), ("password", connection["password"])):
        camera.fill(f"[role=dialog] [name={name}]", value)
    left, top, width, _ = camera.box("[role=dialog]")
    _, y, _, height = camera.box(PART, "Standard Fields")
    column = [camera.shoot((left, top, width, y + height - top))]
    camera.click(f"{PART} button", "Extra Fields")
    for name in ("project_id", "console_url"):
        camera.fill(f"#element_{name}", connection["extra"][name])
    _, top, _, height = camera.box("[role=dialog]")
    _, start, _, _ = camera.box(PART, "Extra Fields")
    _, cut, _, _ = camera.box(f"{PART} [role=group]", "OAuth client secret")
    column.append(camera.shoot((left, start, width, cut - ABOVE - start)))
    rest = camera.shoot((left, cut - ABOVE, width, top + height - cut + ABOVE))
    camera.show(column, [rest])
    camera.take("connection-form", width=2 * round(width) + 1, last=("body",))


def main() -> None:
    if not AIRFLOW or not POLARIS:
        raise SystemExit("Start this with `make pictures`: it needs the servers of `make ui`.")
    if BINARY is None:
        raise SystemExit("There is no Chromium here. Install the package 'chromium', then run this again.")
    run = finished_run()
    job = ask(
        f"/api/v2/dags/koalas_rollup/dagRuns/{urllib.parse.quote(run)}/taskInstances/rollup/xcomEntries/return_value"
    )["value"]
    with tempfile.TemporaryDirectory() as home, chromium(Path(home)) as browser:
        page = Page(browser, POLARIS)
        camera = Photographer(page)
        camera.go(f"{POLARIS}/__emulator__/jobs/{json.loads(job) if job.startswith(chr(34)) else job}", "Koalas Rollup")
        camera.take("console-job", last=("section", "SQL"), margin=16)
        camera.go(f"{POLARIS}/__emulator__/tables/Koalas%20Rollup", "Segments")
        camera.take("console-table", last=("section", "Columns"), margin=16)
        task = f"{AIRFLOW}/dags/koalas_rollup/runs/{urllib.parse.quote(run)}/tasks"
        camera.go(f"{task}/wait", "completed")
        camera.take("task-log", height=640)
        camera.go(f"{task}/rollup/details", "Polaris Job")
        camera.take("task-links", height=640)
        connection_form(camera)
        page.close()


if __name__ == "__main__":
    main()
