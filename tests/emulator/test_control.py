"""The control plane: health, pages, counters. None of it needs a key, none of it is a look at a job."""

from __future__ import annotations

import hashlib
import json

import pytest

from airflow_provider_polaris import __version__


def test_health_answers_without_a_key(api) -> None:
    """Ready, version, project, progression."""
    assert api.control("GET", "/health") == (
        200,
        {
            "status": "ready",
            "version": __version__,
            "projectId": "00000000-0000-4000-8000-000000000001",
            "progression": "immediate",
        },
    )


def test_health_answers_while_a_job_holds_the_lock(api) -> None:
    """Whoever waits for the emulator isn't kept waiting by what it does."""
    with api.app.state.emulator.jobs.lock, api.app.state.emulator.store.transaction():
        assert api.control("GET", "/health")[0] == 200


def test_pages_show_tables_and_jobs_escaped(koalas) -> None:
    """Rows, SQL, log and specification; what came from outside is text, never markup."""
    target = {"type": "table", "tableName": "<script>alert(1)</script>".replace("/", "")}
    koalas.run(koalas.rollup(target=target))
    mappings = [{"columnName": "c", "expression": "SOUNDEX(\"city\") || '<b>'"}]
    failed = koalas.run(koalas.rollup(mappings=mappings))
    index = koalas.client.get("/__emulator__/").text
    page = koalas.client.get(f"/__emulator__/jobs/{failed['id']}").text
    assert "<script>" not in index + page
    assert "&lt;script&gt;alert(1)" in index
    assert f'<a href="/__emulator__/jobs/{failed["id"]}">' in index
    assert '<a href="/__emulator__/tables/Koalas%20Source">Koalas Source</a>' in index
    assert "query_not_supported" in page
    assert "SOUNDEX(&quot;city&quot;) || &#x27;&lt;b&gt;&#x27;" in page
    assert koalas.client.get("/__emulator__/jobs/nope").status_code == 404


def test_table_page_shows_columns_segments_and_rows_escaped(koalas) -> None:
    """What a table holds at a glance; names and values are text, never markup, and '#' is a letter like others."""
    koalas.upload("odd.json", [{"timestamp": "2024-06-01T00:00:00Z", "city": "<b>"}])
    job = koalas.upload_job('Say "<hi>"', "odd.json")
    koalas.run({**job, "mappings": [*job["mappings"][:1], {"columnName": "#<i>", "expression": '"city"'}]})
    page = koalas.client.get("/__emulator__/tables/Say%20%22%3Chi%3E%22").text
    assert "<h1>Table Say &quot;&lt;hi&gt;&quot;</h1>" in page
    assert "<td>#&lt;i&gt;</td><td>string</td>" in page
    assert "<tr><th>__time</th><th>#&lt;i&gt;</th></tr>" in page
    assert "<tr><td>2024-06-01T00:00:00.000Z</td><td>&lt;b&gt;</td></tr>" in page
    assert "<td>2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z</td>" in page
    assert "<h2>Unused segments (replaced or softly deleted)</h2><p>There are none.</p>" in page
    assert koalas.client.get("/__emulator__/tables/nope").status_code == 404


def test_table_page_tells_measures_from_dimensions_and_lists_what_was_replaced(koalas) -> None:
    """An aggregate table that was replaced once."""
    for mode in ("append", "replace"):
        koalas.run(koalas.rollup(ingestionMode=mode, **({"replaceAll": True} if mode == "replace" else {})))
    page = koalas.client.get("/__emulator__/tables/Koalas%20Rollup").text
    assert "<tr><td>city</td><td>string</td><td>dimension</td></tr>" in page
    assert "<tr><td>__count</td><td>long</td><td>measure</td></tr>" in page
    used, unused = page.split("<h2>Unused segments (replaced or softly deleted)</h2>")
    assert used.count("/2024-06-02T00:00:00.000Z</td>") == unused.count("/2024-06-02T00:00:00.000Z</td>") == 1


def test_table_page_of_a_table_without_rows_says_so(api) -> None:
    """A table is there before its rows are."""
    api.ok("POST", "/tables", {"name": "t", "type": "detail"})
    assert "<h2>First rows</h2><p>The table is empty.</p>" in api.client.get("/__emulator__/tables/t").text


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("job=0190&table=Koalas%20Rollup", "jobs/0190"),
        ("job=&table=Koalas%20Rollup%3F", "tables/Koalas%20Rollup%3F"),
        ("job=..%2F..&table=", "jobs/..%2F.."),
        ("job=&table=", ""),
    ],
)
def test_console_leads_to_the_page_of_a_job_or_a_table(api, query, page) -> None:
    """One pattern serves links to jobs and links to tables, which have no job."""
    response = api.client.get(f"/__emulator__/console?{query}", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, f"/__emulator__/{page}")


def test_index_of_an_empty_emulator_says_so(api) -> None:
    """The page is there before anything else is."""
    text = api.client.get("/__emulator__/").text
    assert "There are no tables yet." in text
    assert "There are no jobs yet." in text


def test_counters_count_requests_and_jobs_of_the_same_body(koalas) -> None:
    """Two POSTs of the same bytes are two jobs of one body."""
    for _ in range(2):
        koalas.submit(koalas.rollup())
    koalas.ok("GET", "/tables/Koalas Source")
    status, counters = koalas.control("GET", "/counters")
    assert status == 200
    assert sorted(counters["jobsByBody"].values()) == [1, 2]
    assert counters["requests"]["POST /v1/projects/{projectId}/jobs"] == 3
    assert counters["requests"]["GET /v1/projects/{projectId}/tables/{name}"] == 1
    assert counters["requests"]["GET /v1/projects/{projectId}/jobs/{name}"] == 1


def test_counters_tell_jobs_with_effect_from_jobs_without(koalas) -> None:
    """Of two jobs of one body one was canceled; a job that stored nothing had no effect either."""
    empty = koalas.rollup(filterExpression="\"city\" = 'Nowhere'")
    first = koalas.submit(koalas.rollup())
    koalas.ok("POST", f"/jobs/{first}/status", {"desiredExecutionStatus": "canceled"})
    for body in (koalas.rollup(), empty):
        koalas.run(body)
    counters = koalas.control("GET", "/counters")[1]
    jobs, effective = counters["jobsByBody"], counters["effectiveJobsByBody"]
    assert {key: (jobs[key], effective[key]) for key in map(_sha256, (koalas.rollup(), empty))} == {
        _sha256(koalas.rollup()): (2, 1),
        _sha256(empty): (1, 0),
    }
    assert effective.keys() == jobs.keys()


def test_counters_do_not_let_time_pass(koalas) -> None:
    """A job that nobody has looked at is not done yet."""
    koalas.submit(koalas.rollup())
    key = _sha256(koalas.rollup())
    assert koalas.control("GET", "/counters")[1]["effectiveJobsByBody"][key] == 0
    koalas.ok("GET", "/jobs")
    assert koalas.control("GET", "/counters")[1]["effectiveJobsByBody"][key] == 1


def _sha256(body) -> str:
    """Return the hash of a body as the test client writes it."""
    return hashlib.sha256(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
