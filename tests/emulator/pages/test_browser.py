# SPDX-License-Identifier: Apache-2.0
"""The console in a real browser: with a keyboard, on a phone, without the script, and in dark mode."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from airflow_provider_polaris.emulator.server import EmulatorServer, RunningEmulator
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.status_machine import Progression
from tests.emulator.conftest import KOALAS, Api, Clock
from tests.emulator.pages.browser import Chromium, Page, chromium, needs_chromium

pytestmark = needs_chromium

ODD = "<script>alert(1)<|script>"
TARGET = "Koalas Rollup"
# The lowest contrast between a text and its background.
CONTRAST = """(() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  let worst = [21, ""];
  for (const e of document.body.querySelectorAll("*")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility() || e.closest("script, .skip, option")) continue;
    let behind = e;
    while (behind && rgb(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
    const style = getComputedStyle(e);
    const pair = [e instanceof SVGElement ? style.fill : style.color, getComputedStyle(behind).backgroundColor];
    const [high, low] = pair.map((c) => light(rgb(c))).sort((a, b) => b - a);
    const ratio = (high + .05) / (low + .05);
    if (ratio < worst[0]) worst = [ratio, e.outerHTML.slice(0, 80)];
  }
  return worst;
})()"""


@dataclass
class Console:
    """An emulator with a table, a failed job and an active one, and a browser without an open page."""

    running: RunningEmulator
    clock: Clock
    page: Page
    failed: str
    held: str

    def status(self) -> dict[str, Any]:
        """Return the active job, as the API shows it."""
        return call(self.running, "GET", f"/jobs/{self.held}")

    @property
    def pages(self) -> dict[str, str]:
        """Every kind of page."""
        return {
            "index": "/",
            "jobs": "/jobs",
            "failed": f"/jobs/{self.failed}",
            "held": f"/jobs/{self.held}",
            "table": "/tables/Koalas%20Rollup",
        }


def elsewhere(page: Page, html: str) -> None:
    """Show a page that is not one of the console's."""
    frame = page.call("Page.getFrameTree")["frameTree"]["frame"]["id"]
    page.call("Page.setDocumentContent", frameId=frame, html=html)


def call(running: RunningEmulator, method: str, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
    """Return the reply of the API."""
    headers = {"Authorization": f"Basic {running.settings.api_key}"}
    answer = requests.request(method, running.project_url + path, json=body, headers=headers, timeout=120, **options)
    assert answer.ok, answer.text
    result: dict[str, Any] = answer.json()
    return result


@contextmanager
def filled(server: EmulatorServer, clock: Clock) -> Iterator[tuple[RunningEmulator, str, str]]:
    """Run an emulator with data of every kind."""
    settings = EmulatorSettings(progression=Progression.parse("seconds=10"))
    with server.emulator(settings, clock=clock) as running:

        def run(body: dict[str, Any]) -> str:
            job = call(running, "POST", "/jobs", body)
            clock.advance(11)
            return str(job["id"])

        content = "".join(f"{row}\n" for row in KOALAS).replace("'", '"').encode()
        call(running, "POST", "/files", files={"file": ("koalas.json", content)})
        run(Api.upload_job("Koalas Source", "koalas.json"))
        run(Api.rollup())
        run(Api.rollup(ingestionMode="replace", replaceAll=True))
        run(Api.about("delete_data", TARGET, "2024-06-02T00:00:00Z/2024-06-03T00:00:00Z", softDelete=True))
        failed = run(Api.rollup(mappings=[{"columnName": "c", "expression": 'SOUNDEX("city")'}]))
        run(Api.rollup(target={"type": "table", "tableName": ODD}))
        held = str(call(running, "POST", "/jobs", Api.rollup())["id"])
        clock.advance(4)
        yield running, failed, held


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Chromium]:
    """One browser for all tests."""
    with chromium(tmp_path_factory.mktemp("chromium")) as one:
        yield one


@contextmanager
def opened(browser: Chromium, clock: Clock, running: RunningEmulator, failed: str, held: str) -> Iterator[Console]:
    """Give a tab of its own."""
    page = Page(browser, running.base_url)
    yield Console(running, clock, page, failed, held)
    page.close()


@pytest.fixture(scope="module")
def unchanged(emulator_server) -> Iterator[tuple[Clock, RunningEmulator, str, str]]:
    """One emulator for all tests that only look; its clock stands still."""
    clock = Clock()
    with filled(emulator_server, clock) as data:
        yield clock, *data


@pytest.fixture
def console(browser, unchanged) -> Iterator[Console]:
    """A separate tab, for a test that changes nothing."""
    with opened(browser, *unchanged) as console:
        yield console


@pytest.fixture
def own_console(browser, emulator_server) -> Iterator[Console]:
    """A separate emulator, for a test that changes it or sends what must not change it."""
    clock = Clock()
    with filled(emulator_server, clock) as data, opened(browser, clock, *data) as console:
        yield console


def test_pages_on_a_phone_fit_and_the_browser_has_nothing_to_complain_about(console) -> None:
    """Nothing exceeds the width, on small and large screens; no script fails and nothing is blocked."""
    for width in (320, 360, 390, 430):
        console.page.resize(width)
        wide = {}
        for name, path in console.pages.items():
            console.page.open(path)
            wide[name] = console.page.run("document.documentElement.scrollWidth")
        assert wide == dict.fromkeys(console.pages, width)
    assert console.page.complaints() == []


def test_page_of_nothing_with_a_long_name_fits_on_a_phone(console) -> None:
    """A name without a blank is broken at the end of the line."""
    console.page.resize(320)
    console.page.open(f"/tables/{'Koalas_' * 30}")
    assert console.page.run("document.querySelector('h1').textContent") == "Not found"
    assert console.page.run("document.documentElement.scrollWidth") == 320


def test_tables_on_a_phone_keep_each_row_on_one_line_and_the_first_column_in_sight(console) -> None:
    """Segments and values of rows: nothing is compressed, and keys scroll the box."""
    page = console.page
    page.resize(390)
    page.open("/tables/Koalas%20Rollup")
    page.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    heights = page.run("[...document.querySelectorAll('tbody tr')].map(one => one.offsetHeight)")
    assert len(heights) == 11
    assert max(heights) < 40
    page.run("window.box = document.querySelector('#live .scroll'), box.focus()")
    page.run("void (window.scrolled = new Promise(done => box.addEventListener('scrollend', done, {once: true})))")
    page.press("ArrowRight", 39)
    page.run("window.scrolled.then(() => null)")
    assert page.run("box.scrollLeft") > 0
    for row in ("thead th", "tbody td"):
        assert page.run(f"box.querySelector('{row}').getBoundingClientRect().x - box.getBoundingClientRect().x") == 0


def test_log_on_a_phone_shows_whole_messages(console) -> None:
    """One entry below the other: time, status, code, and below them the message."""
    page = console.page
    page.resize(390)
    page.open(f"/jobs/{console.failed}")
    assert page.run("document.querySelector('#log .scroll').scrollWidth <= document.querySelector('#log').clientWidth")
    *_, message = page.run(
        "[...document.querySelectorAll('#log td')].map(one => [one.textContent, one.getBoundingClientRect().right])"
    )
    assert message[0] == "mapping of column 'c': function 'SOUNDEX' is not supported."
    assert message[1] < 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_in_light_and_dark(console, scheme) -> None:
    """Contrast as required by WCAG AA for small text, 4.5 to 1."""
    console.page.scheme(scheme)
    for path in console.pages.values():
        console.page.open(path)
        ratio, where = console.page.run(CONTRAST)
        assert ratio >= 4.5, (path, where, ratio)


def test_pages_name_everything_that_can_have_the_focus(console) -> None:
    """Each link, field, button and scrolling box has a name for screen readers."""
    for path in console.pages.values():
        console.page.open(path)
        nodes = console.page.call("Accessibility.getFullAXTree")["nodes"]
        focusable = [
            node
            for node in nodes
            if any(one["name"] == "focusable" and one["value"]["value"] for one in node.get("properties", ()))
            and node["role"]["value"] not in ("RootWebArea", "main")
        ]
        assert len(focusable) > 4
        assert [node["role"]["value"] for node in focusable if not node.get("name", {}).get("value")] == []


def test_keyboard_skips_to_the_content_and_shows_where_the_focus_is(console) -> None:
    """The first stop is the link that skips the navigation; every stop has an outline."""
    page = console.page
    page.open(f"/jobs/{console.held}")
    assert page.tab() == "Skip to content"
    assert page.run("document.activeElement.getBoundingClientRect().top >= 0")
    page.enter()
    assert page.run("document.activeElement.id") == "main"
    stops = []
    for _ in range(6):
        stops.append(page.tab())
        assert page.run("getComputedStyle(document.activeElement).outlineStyle") != "none", stops
    assert stops == ["Cancel job", "Koalas Source", "Koalas Rollup", "Copy SQL", "SQL", "Copy specification"]


def test_every_stop_of_the_keyboard_on_every_page_is_outlined_and_in_sight(console) -> None:
    """No link, field, button or scrolling box has the focus without showing it."""
    page = console.page
    page.resize(390)
    look = "(e => [getComputedStyle(e).outlineStyle, e.getBoundingClientRect()])(document.activeElement)"
    shown = f"(([style, box]) => style === 'solid' && box.bottom > 0 && box.top < innerHeight)({look})"
    for path in (*console.pages.values(), "/jobs/nope"):
        page.open(path)
        stops = page.run(
            "[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex=\"0\"]')]"
            ".filter(one => one.checkVisibility()).length"
        )
        assert stops >= 7, path
        for number in range(stops):
            assert page.tab(), (path, number)
            assert page.run(shown), (path, number, page.run("document.activeElement.outerHTML.slice(0, 80)"))


def test_job_page_follows_the_job_without_being_loaded_again(own_console) -> None:
    """The script replaces changed parts, leaves the rest unchanged, and stops when the job has ended."""
    page = own_console.page
    page.open(f"/jobs/{own_console.held}")
    assert page.run("document.title") == "40% running: Koalas Source → Koalas Rollup · Polaris emulator"
    assert page.run("document.querySelector('progress').value") == 40
    page.run("window.here = true, document.getElementById('cancel').focus()")
    own_console.clock.advance(3)
    page.until("document.querySelector('progress')?.value === 70")
    assert page.run("document.activeElement.id") == "cancel"
    own_console.clock.advance(4)
    page.until("document.querySelector('.badge.completed')")
    assert page.run("[window.here, document.activeElement.id]") == [True, "main"]
    assert page.run("document.querySelector('#metrics .tile').textContent") == "4rows processed"
    page.until("document.getElementById('following').hidden")
    assert page.complaints() == []


def test_table_page_keeps_open_what_a_person_has_opened(own_console) -> None:
    """A new segment appears; the open list stays open, with the focus on it."""
    page = own_console.page
    page.open("/tables/Koalas%20Rollup")
    page.run("document.getElementById('live-summary').focus()")
    page.enter()
    own_console.clock.advance(7)
    page.until("document.getElementById('live-summary').textContent === 'Live segments (3)'")
    assert page.run("[document.getElementById('live').open, document.activeElement.id]") == [True, "live-summary"]


def test_table_page_keeps_where_a_person_has_scrolled_to(own_console) -> None:
    """New rows appear; the box stays scrolled, with the focus on it."""
    page = own_console.page
    page.resize(390)
    page.open("/tables/Koalas%20Rollup")
    page.run("window.box = document.querySelector('#rows .scroll'), box.focus(), box.scrollLeft = 30")
    own_console.clock.advance(7)
    page.until("document.querySelector('#rows .scroll') !== box")
    assert page.run("(one => [one.ariaLabel, one.scrollLeft])(document.activeElement)") == ["First rows", 30]


def test_page_that_is_paused_asks_for_nothing_until_it_goes_on(console) -> None:
    """For people whom changes disturb. The page's own clock is faster here."""
    page = console.page
    page.open("/")
    page.run("window.asked = 0, window.fetch = () => { window.asked += 1; return new Promise(() => {}) }")
    press = "document.getElementById('pause').click(), document.getElementById('liveness').textContent"
    assert page.run(press) == "This page is paused."
    turns = "let left = 3; window.setTimeout = (turn) => left-- ? Promise.resolve().then(turn) : done(window.asked)"
    assert page.run(f"new Promise(done => {{ {turns} }})") == 0
    assert page.run(press) == "This page updates itself every 2 seconds."


def test_page_of_a_table_that_is_dropped_says_that_it_is_gone(own_console) -> None:
    """The page of a table that no longer exists stops showing it."""
    page = own_console.page
    page.open("/tables/Koalas%20Rollup")
    own_console.clock.advance(11)
    call(own_console.running, "POST", "/jobs", Api.about("drop_table", TARGET))
    with page.leaving():
        own_console.clock.advance(11)
    assert page.run("document.querySelector('h1').textContent") == "Not found"


def test_copy_button_copies_the_whole_text_and_says_so(console) -> None:
    """With the clipboard, and where the browser has none for scripts, such as under a name without https."""
    page = console.page
    page.open(f"/jobs/{console.failed}")
    page.run("window.copied = [], navigator.clipboard.writeText = async (text) => void copied.push(text)")
    press = "document.querySelector('[data-copies=specification]').click()"
    said = "document.querySelector('[data-copies=specification]').previousElementSibling.textContent"
    page.run(press)
    page.until(f"{said} === 'Copied'")
    (text,) = page.run("copied")
    assert json.loads(text)["target"]["tableName"] == TARGET
    page.run("navigator.clipboard.writeText = () => { throw new Error('no') }; document.execCommand = () => false")
    page.run(press)
    page.until(f"{said} === 'Selected: press Ctrl+C to copy'")
    assert page.run("getSelection().toString()") == text
    assert page.complaints() == []


def test_instants_are_never_broken(console) -> None:
    """However narrow its place, an interval wraps between its ends, and a time between its date and its clock."""
    page = console.page
    narrow = "document.querySelectorAll('.interval, time').forEach(one => one.parentElement.style.width = '4rem')"
    broken = """[...document.querySelectorAll(".interval, time span")].flatMap((one) => [...one.childNodes])
        .filter((one) => one.nodeType === 3).filter((text) => {
            const range = document.createRange();
            range.selectNodeContents(text);
            return new Set([...range.getClientRects()].map((box) => box.y)).size > 1;
        }).map((text) => text.data)"""
    for width in (390, 1024):
        page.resize(width)
        for name in ("jobs", "held", "table"):
            page.open(console.pages[name])
            page.run(narrow)
            assert page.run(broken) == [], (width, name)


def test_job_page_without_script_asks_to_be_loaded_again(console) -> None:
    """The browser reloads the page instead of the script."""
    console.page.call("Emulation.setScriptExecutionDisabled", value=True)
    console.page.open(f"/jobs/{console.held}")
    planned = console.page.wait_for("Page.frameScheduledNavigation")
    assert (planned["reason"], planned["delay"]) == ("metaTagRefresh", 5)


def test_cancel_button_by_keyboard_without_script_cancels(own_console) -> None:
    """One form, one button."""
    page = own_console.page
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(f"/jobs/{own_console.held}")
    page.run("document.getElementById('cancel').focus()")
    with page.leaving():
        page.enter()
    assert page.run("document.querySelector('.status .badge').textContent") == "canceled"
    job = own_console.status()
    assert (job["executionStatus"], job["lastModifiedBy"]["username"]) == ("canceled", "console-user")


def test_form_of_another_site_is_refused_and_says_why(own_console) -> None:
    """A page on the web must not cancel jobs on this machine."""
    page = own_console.page
    action = f"{own_console.running.base_url}/__emulator__/jobs/{own_console.held}/cancel"
    elsewhere(page, f'<form method="post" action="{action}"></form>')
    with page.leaving():
        page.run("document.forms[0].submit()")
    host = own_console.running.base_url.removeprefix("http://")
    assert json.loads(page.run("document.querySelector('pre').textContent")) == {
        "code": "Forbidden",
        "message": f"The request comes from a page of 'null', and this is {host!r}. "
        "Web pages of other sites can't use the emulator.",
    }
    assert own_console.status()["executionStatus"] == "running"


def test_script_of_another_site_changes_and_reads_nothing(own_console) -> None:
    """Requests without preflight, with one, and embedded resources: nothing takes effect, nothing is shown."""
    page = own_console.page
    base = own_console.running.base_url
    elsewhere(page, "<p>evil</p>")
    before = own_console.running.emulator.faults.values()
    page.run(f"""Promise.allSettled([
        fetch("{base}/__emulator__/tables/Koalas%20Rollup/handoff", {{method: "POST", mode: "no-cors"}}),
        fetch("{base}/__emulator__/faults", {{method: "POST", mode: "no-cors", body: '{{"effect": "status"}}'}}),
        fetch("{base}/__emulator__/faults", {{method: "DELETE"}}),
        fetch("{base}/__emulator__/faults", {{method: "POST", headers: {{"Content-Type": "application/json"}},
            body: '{{"effect": "status"}}'}}),
    ])""")
    assert own_console.running.emulator.faults.values() == before
    read = f"fetch('{base}/__emulator__/counters').then(a => a.text(), e => e.name)"
    assert page.run(read) == "TypeError"
    loads = "new Promise(done => {{ const e = document.createElement('{0}'); e.onload = () => done(true);"
    loads += " e.onerror = () => done(false); e.src = '{1}/__emulator__/counters'; document.body.append(e) }})"
    assert page.run(loads.format("script", base)) is False


def test_link_of_another_site_leads_to_the_job(console) -> None:
    """Airflow's pages are another site, and have links to the console."""
    page = console.page
    elsewhere(page, f'<a href="{console.running.base_url}/__emulator__/console/{console.held}/x">job</a>')
    with page.leaving():
        page.run("document.links[0].click()")
    assert console.held in page.run("document.querySelector('h1').parentElement.textContent")


def test_page_of_a_rebound_name_shows_nothing(own_console) -> None:
    """A page that points its own domain to this machine gets the reason, and no data."""
    page = own_console.page
    port = own_console.running.base_url.rpartition(":")[2]
    with page.leaving():
        page.call("Page.navigate", url=f"http://rebound.example:{port}/__emulator__/tables/Koalas%20Rollup")
    assert json.loads(page.run("document.querySelector('pre').textContent")) == {
        "code": "MisdirectedRequest",
        "message": "Host 'rebound.example' is not one that this emulator serves, so the request may come from a web "
        "page of another site. Start the emulator with --allow-host rebound.example, or use the address 127.0.0.1 or "
        "localhost.",
    }


def test_filters_by_keyboard_find_the_failed_job(console) -> None:
    """A form with labels; Enter sends it."""
    page = console.page
    page.open("/jobs")
    page.run("document.getElementById('text').focus()")
    page.call("Input.insertText", text="SOUNDEX")
    with page.leaving():
        page.enter()
    assert page.run("[...document.querySelectorAll('tbody .id')].map(e => e.textContent)") == [console.failed]
    assert page.run("document.getElementById('text').value") == "SOUNDEX"


def test_table_named_like_a_script_is_text_and_the_policy_blocks_what_slips_in(console) -> None:
    """It is escaped as a name; if it weren't, the browser would still not run it."""
    page = console.page
    page.open("/")
    with page.leaving():
        page.run("[...document.links].find(one => one.textContent.includes('script')).click()")
    assert page.run("document.querySelector('h1').textContent") == ODD
    assert page.complaints() == []
    page.run(
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\" onerror=\"window.ran = 1\">');"
        " new Promise(done => document.images[0].addEventListener('error', done))"
    )
    assert page.run("window.ran") is None
    assert "Content Security Policy" in page.complaints()[0]
