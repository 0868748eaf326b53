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

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.emulator.pages.browser import BINARY, Page, chromium  # noqa: E402

AIRFLOW, POLARIS = os.environ.get("UI_AIRFLOW", ""), os.environ.get("UI_POLARIS", "")
FOLDER = ROOT / "docs" / "pictures"
#: Seconds until a page of Airflow, which is drawn by a script, shows what is waited for.
PATIENCE = 60


class Photographer:
    """Goes to pages, waits until they show what the picture is about, and takes it."""

    def __init__(self, page: Page) -> None:
        self._page = page

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
        matches = f"[...document.querySelectorAll({json.dumps(selector)})]"
        found = f"{matches}.find(e => e.innerText.includes({json.dumps(text)}))"
        end = time.monotonic() + PATIENCE
        while not self._page.run(f"!!({found})"):
            if time.monotonic() > end:
                self.take("failed")
                raise SystemExit(f"{selector!r} {text!r} is not there; see {FOLDER / 'failed.png'}.")
            time.sleep(0.3)
        time.sleep(1)  # what is drawn anew while data comes in takes no click
        self._page.run(f"({found}).scrollIntoView({{block: 'center'}})")
        box = self._page.run(f"(b => [b.x + b.width / 2, b.y + b.height / 2])(({found}).getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            self._page.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def take(self, name: str, width: int = 1280, height: int = 800) -> None:
        """Write ``docs/pictures/NAME.png``."""
        self._page.resize(width, height)
        time.sleep(1)  # what fades in has done so
        shot = self._page.call("Page.captureScreenshot", format="png")["data"]
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{name}.png").write_bytes(base64.b64decode(shot))
        print(f"{name}.png", flush=True)


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
        page.resize(1280, 800)
        camera = Photographer(page)
        camera.go(f"{POLARIS}/__emulator__/jobs/{json.loads(job) if job.startswith(chr(34)) else job}", "Koalas Rollup")
        camera.take("console-job", height=900)
        camera.go(f"{POLARIS}/__emulator__/tables/Koalas%20Rollup", "Segments")
        camera.take("console-table", height=900)
        task = f"{AIRFLOW}/dags/koalas_rollup/runs/{urllib.parse.quote(run)}/tasks"
        camera.go(f"{task}/wait", "completed")
        camera.take("task-log")
        camera.go(f"{task}/rollup/details", "Polaris Job")
        camera.take("task-links")
        camera.go(f"{AIRFLOW}/connections", "polaris_default")
        camera.click("button[aria-label*='Edit']")
        camera.click("button", "Extra Fields")
        camera.see("Project")
        camera.take("connection-form", height=1300)
        page.close()


if __name__ == "__main__":
    main()
