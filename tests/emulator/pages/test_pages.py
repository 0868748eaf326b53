# SPDX-License-Identifier: Apache-2.0
"""The pages of tables and jobs, and of missing ones."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from airflow_provider_polaris.emulator.settings import connection_of
from airflow_provider_polaris.hooks.connections.console_urls import polaris_console


def card(page: str, heading: str) -> str:
    """Return the part of a page under a heading."""
    found = re.search(rf"<section[^>]*><h2>{re.escape(heading)}</h2>(.*?)</section>", page, re.DOTALL)
    assert found is not None, heading
    return found[1]


def test_pages_show_tables_and_jobs_escaped(koalas, show) -> None:
    """SQL, log, specification and names; external text is escaped, never markup."""
    koalas.run(koalas.rollup(target={"type": "table", "tableName": "<script>alert(1)<script>"}))
    mappings = [{"columnName": "c", "expression": "SOUNDEX(\"city\") || '<b>'"}]
    failed = koalas.run(koalas.rollup(mappings=mappings))
    index, page = show(koalas, "/"), show(koalas, f"/jobs/{failed['id']}")
    assert (index + page).count("<script>") == 2, "the script of each page, and no other"
    assert "&lt;script&gt;alert(1)" in index
    assert f'<a href="/__emulator__/jobs/{failed["id"]}">' in index
    assert '<a href="/__emulator__/tables/Koalas%20Source">Koalas Source</a>' in index
    assert '<span class="badge failed">failed</span>' in page
    assert '<p class="callout error"><b>query_not_supported</b> mapping of column &#39;c&#39;: ' in page
    assert "query_not_supported" in card(page, "Log")
    assert "SOUNDEX(&#34;city&#34;) || &#39;&lt;b&gt;&#39;" in card(page, "SQL")
    assert "SOUNDEX(\\&#34;city\\&#34;) || &#39;&lt;b&gt;&#39;" in card(page, "Specification")


def test_job_page_of_a_completed_job_shows_what_it_counted(koalas, show) -> None:
    """User, times, duration, source and target, totals, and the context apart; no cancel button and no waiting."""
    job_id = koalas.submit(koalas.rollup(context={"marker": "<m>", "failOnEmptyInsert": True}))
    koalas.clock.advance(75)
    koalas.finish(job_id)
    page = show(koalas, f"/jobs/{job_id}")
    details = card(page, "Details")
    assert '<dt>From</dt><dd><a href="/__emulator__/tables/Koalas%20Source">Koalas Source</a></dd>' in details
    assert '<dt>Table</dt><dd><a href="/__emulator__/tables/Koalas%20Rollup">Koalas Rollup</a></dd>' in details
    assert "<dt>Created by</dt><dd>api-key-pok_...</dd>" in details
    assert (
        "<span>2024-07-01</span> <span>00:01:15 UTC</span></time></dd></div><div><dt>Ran for</dt><dd>0.0 s" in details
    )
    context = card(page, "Context")
    assert "<dt><code>marker</code></dt><dd><code>&lt;m&gt;</code></dd>" in context
    assert "<dt><code>failOnEmptyInsert</code></dt><dd><code>true</code></dd>" in context
    assert "marker" not in details
    assert '<b>4</b><span>rows processed</span></div><div class="tile"><b>4</b><span>rows persisted' in page
    assert "<progress" not in page
    assert "<form" not in page
    assert "http-equiv" not in page


def test_job_page_names_the_task_that_made_the_job_escaped(koalas, show) -> None:
    """Anybody can write anything there: markup is text, control characters are replaced, a long id is cut."""
    origin = {"dag": "<b>\x1b[2J", "task": "by_hour", "run": "manual__" + "r" * 1000, "mapIndex": 3, "try": 2}
    made = koalas.run(koalas.rollup(context={"airflowOrigin": origin}))
    page = show(koalas, f"/jobs/{made['id']}")
    facts = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", card(page, "Made by a task of Airflow")))
    assert {name: re.sub("<.*?>", "", value) for name, value in facts.items()} == {
        "DAG": "&lt;b&gt;\ufffd[2J",
        "Task": "by_hour",
        "Map index": "3",
        "Run": "manual__" + "r" * 242,
        "Try": "2",
    }
    assert "\x1b" not in page


@pytest.mark.parametrize(
    "origin", [None, "koalas", [], {}, {"dag": "d", "task": "t"}, {"dag": 1, "task": "t", "run": "r"}]
)
def test_job_page_without_a_task_names_none(koalas, show, origin) -> None:
    """Other clients may use the key for something else; the context shows it."""
    made = koalas.run(koalas.rollup(context={"airflowOrigin": origin}))
    assert "Made by a task" not in show(koalas, f"/jobs/{made['id']}")
    assert '<span class="muted">api-key-pok_...</span>' in show(koalas, "/jobs")


def test_texts_of_a_job_can_be_copied_by_the_script_only(koalas, show) -> None:
    """Without the script there is no button."""
    job = koalas.run(koalas.rollup())
    page = show(koalas, f"/jobs/{job['id']}")
    for name, label in {"sql": "SQL", "specification": "specification"}.items():
        assert f'<button type="button" data-copies="{name}" hidden>Copy {label}</button>' in page
        assert f'<pre id="{name}">' in page


def test_job_page_of_a_job_without_rows_warns(koalas, show) -> None:
    """It has completed, but with a warning."""
    job = koalas.run(koalas.rollup(filterExpression="\"city\" = 'Nowhere'"))
    page = show(koalas, f"/jobs/{job['id']}")
    assert '<span class="badge completed">completed</span> <span class="badge warn">no_rows_found</span>' in page
    assert "<b>no_rows_found</b> The job completed without ingesting any rows.</p>" in page


def test_job_page_names_what_is_not_ingested_in_words(koalas, show) -> None:
    """Deletions, restores and streams have neither a source nor metrics; a deleted table has no page."""
    interval = "2024-06-01T00:00:00Z/2024-06-02T00:00:00Z"
    jobs = {
        "delete": koalas.run(koalas.about("delete_data", "Koalas Source", interval, softDelete=True)),
        "restore": koalas.run(koalas.about("restore_data", interval=interval)),
        "drop": koalas.run(koalas.about("drop_table")),
    }
    pages = {name: show(koalas, f"/jobs/{job['id']}") for name, job in jobs.items()}
    assert [re.findall("<h1>(.*?)</h1>", page) for page in pages.values()] == [
        ["Delete data: Koalas Source"],
        ["Restore data: Koalas Source"],
        ["Drop table: Koalas Source"],
    ]
    for name in ("delete", "restore"):
        interval = '<div><span class="interval">2024-06-01/<wbr>2024-06-02</span></div>'
        assert f"<dt>Interval (UTC)</dt><dd>{interval}</dd>" in pages[name]
        assert "Only ingestion jobs that completed have any." in card(pages[name], "Metrics")
    assert "<dt>Table</dt><dd>Koalas Source (no such table)</dd>" in pages["drop"]


def test_job_page_of_uploaded_files_names_them(koalas, show) -> None:
    """A single file by its name, several by their number."""
    koalas.upload("more.json", [{"timestamp": "2024-06-03T00:00:00Z"}])
    several = koalas.run(koalas.upload_job("Koalas Source", "Koalas Source.json", "more.json"))
    assert "<h1>2 files → Koalas Source</h1>" in show(koalas, f"/jobs/{several['id']}")
    assert ">Koalas Source.json → Koalas Source</a>" in show(koalas, "/jobs")


def test_table_page_shows_columns_segments_and_rows_escaped(koalas, show) -> None:
    """The contents of a table; names and values are escaped, and '#' is an ordinary character."""
    koalas.upload("odd.json", [{"timestamp": "2024-06-01T00:00:00Z", "city": "<b>"}])
    job = koalas.upload_job('Say "<hi>"', "odd.json")
    koalas.run({**job, "mappings": [*job["mappings"][:1], {"columnName": "#<i>", "expression": '"city"'}]})
    page = show(koalas, "/tables/Say%20%22%3Chi%3E%22")
    assert "<h1>Say &#34;&lt;hi&gt;&#34;</h1>" in page
    assert "<td>#&lt;i&gt;</td><td>string</td><td>declared</td>" in card(page, "Columns")
    rows = card(page, "First rows")
    assert '<th scope="col">__time</th><th scope="col">#&lt;i&gt;</th>' in rows
    assert '<td class="interval">2024-06-01T00:00:00.000Z</td><td>&lt;b&gt;</td>' in rows
    assert '<span class="interval">2024-06-01/<wbr>2024-06-02</span>' in card(page, "Segments")
    assert "Replaced" not in page


def test_table_page_tells_measures_from_dimensions_and_replaced_from_deleted(koalas, show) -> None:
    """Three segments of one version each: live, replaced by it, and deleted without a live one in its place."""
    for mode in ("append", "replace"):
        koalas.run(koalas.rollup(ingestionMode=mode, **({"replaceAll": True} if mode == "replace" else {})))
    koalas.run(
        koalas.about("delete_data", "Koalas Rollup", "2024-06-02T00:00:00Z/2024-06-03T00:00:00Z", softDelete=True)
    )
    page = show(koalas, "/tables/Koalas%20Rollup")
    columns, segments = card(page, "Columns"), card(page, "Segments")
    assert "<td>city</td><td>string</td><td>dimension</td>" in columns
    assert "<td>__count</td><td>long</td><td>measure</td>" in columns
    # Both versions of the second day are deleted, and no live segment is in their place.
    for name, days in {"Live": ["01"], "Replaced": ["01"], "Deleted": ["02", "02"]}.items():
        listed = re.search(rf"<details[^>]*><summary[^>]*>{name} segments \((\d)\)</summary>(.*?)</details>", segments)
        assert listed is not None, name
        assert int(listed[1]) == len(days)
        assert re.findall(r"interval\">2024-06-(\d\d)/", listed[2]) == days
    assert segments.count('<th scope="col">Kept until</th>') == 2
    assert "<span>2024-07-31</span> <span>00:00:00 UTC</span></time>" in segments, "thirty days after the deletion"


def test_table_page_shows_realtime_rows(koalas, show) -> None:
    """Streamed rows have their own lane, and are among the first rows."""
    rows = [{"__time": "2020-01-01T00:00:00Z", "city": None, "session": "R", "session_length": 1234}]
    koalas.control("POST", "/tables/Koalas Source/realtime", {"rows": rows})
    page = show(koalas, "/tables/Koalas%20Source")
    assert '<summary id="realtime-summary">Real-time segments (1)</summary>' in page
    assert '<td class="muted"><i>null</i></td><td>R</td><td class="number">1234</td>' in page


def test_table_page_of_a_table_without_rows_says_so(api, show) -> None:
    """A table exists before it has rows."""
    api.ok("POST", "/tables", {"name": "t", "type": "detail"})
    page = show(api, "/tables/t")
    assert '<p class="muted">The table is empty.</p>' in page
    assert '<p class="muted">The table has no segments.</p>' in page


def test_table_page_says_which_part_is_precached_and_whether_it_is_available(koalas, show) -> None:
    """The page states that a table is loading."""
    koalas.control("PATCH", "/tables/Koalas Source", {"loadSeconds": 30, "availability": "unavailable"})
    details = card(show(koalas, "/tables/Koalas%20Source"), "Details")
    assert '<span class="badge unavailable">unavailable</span>' in details
    assert "0 Bytes precached" in details


def test_pages_of_an_empty_emulator_say_so(api, show) -> None:
    """The pages exist before any table or job."""
    assert "There are no tables yet." in show(api, "/")
    assert "There are no jobs yet." in show(api, "/")
    assert "There are no jobs yet." in show(api, "/jobs")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/jobs/%3Cb%3E", "Job &#39;&lt;b&gt;&#39; does not exist."),
        ("/tables/nope", "Table &#39;nope&#39; does not exist."),
    ],
)
def test_pages_of_what_is_not_there_say_so_in_html(api, path, message) -> None:
    """A link may outlive its target; its user gets a page, not JSON."""
    response = api.client.get(f"/__emulator__{path}")
    assert (response.status_code, response.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert f'<h1>Not found</h1><p class="callout error">{message}</p>' in response.text


@pytest.mark.parametrize(
    ("link", "address", "page"),
    [
        (lambda to: to.job_url("0190", "Koalas Rollup"), "0190/Koalas%20Rollup", "jobs/0190"),
        (lambda to: to.job_url("0190"), "0190/", "jobs/0190"),
        (lambda to: to.table_url("Koalas/Rollup?"), "/Koalas%2FRollup%3F", "tables/Koalas%2FRollup%3F"),
        (lambda to: to.table_url(""), "/", ""),
    ],
)
def test_console_leads_to_the_page_of_a_job_or_a_table(api, link, address, page) -> None:
    """One pattern serves links to jobs, with and without their table, and links to tables, which have no job."""
    pattern = connection_of("http://127.0.0.1:8099", api.settings)["extra"]["console_url"]
    url = link(polaris_console("http://127.0.0.1:8099", api.settings.project_id, pattern))
    assert url == f"http://127.0.0.1:8099/__emulator__/console/{address}"
    response = api.client.get(url, follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, f"/__emulator__/{page}")


def test_pages_allow_the_browser_their_own_style_and_script_only(api) -> None:
    """The policy allows exactly the script and the style in the page, by their hashes."""
    for path in ("/", "/jobs", "/jobs/nope"):
        response = api.client.get(f"/__emulator__{path}")
        found = {name: re.search(f"<{name}>(.*?)</{name}>", response.text, re.DOTALL) for name in ("style", "script")}
        hashes = {
            name: base64.b64encode(hashlib.sha256(one[1].encode()).digest()).decode()
            for name, one in found.items()
            if one
        }
        assert response.headers["content-security-policy"] == (
            f"default-src 'none'; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
            "connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"


def test_pages_say_which_faults_are_set(koalas, show) -> None:
    """The page states why a job makes no progress; a rule that is used up is not mentioned."""
    assert 'class="callout' not in show(koalas, "/")
    koalas.fault(effect="status", status=503, path="/tables$")
    koalas.fault(effect="latency", seconds=0, times=None)
    koalas.fault(effect="job_status", jobStatus="running", times=2)
    assert (
        '<p class="callout warn">A fault stops all unfinished jobs; they show &#39;running&#39;. '
        "Active faults: status, latency.</p>"
    ) in show(koalas, "/jobs")
    assert koalas.call("GET", "/tables")[0] == 503
    assert "Active faults: latency.</p>" in show(koalas, "/jobs")
