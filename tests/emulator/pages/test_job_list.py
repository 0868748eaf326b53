# SPDX-License-Identifier: Apache-2.0
"""The list of jobs: each filter, all together, and pages."""

from __future__ import annotations

import re

import pytest

ALL = ["drop", "delete", "failed", "rollup", "Koalas Source"]


@pytest.fixture
def jobs(koalas) -> dict[str, str]:
    """The ids of five jobs with every kind of end, the last of them active, and their roles."""
    (source,) = [job["id"] for job in koalas.ok("GET", "/jobs")["values"]]
    made = {"Koalas Source": source, "rollup": koalas.run(koalas.rollup())["id"]}
    mappings = [{"columnName": "c", "expression": 'SOUNDEX("city")'}]
    made["failed"] = koalas.run(koalas.rollup(mappings=mappings))["id"]
    made["delete"] = koalas.run(koalas.about("delete_data", "Koalas Rollup", deleteAll=True, softDelete=True))["id"]
    made["drop"] = koalas.submit(koalas.about("drop_table", "Koalas Rollup"))
    return {job_id: name for name, job_id in made.items()}


def shown(page: str) -> list[str]:
    """Return the ids of the jobs on a page."""
    return re.findall('<div class="id">(.*?)</div>', page)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ALL),
        ("status=failed", ["failed"]),
        ("status=active", ["drop"]),
        ("status=nope", []),
        ("type=batch", ["failed", "rollup", "Koalas Source"]),
        ("table=Koalas+Source", ["failed", "rollup", "Koalas Source"]),
        ("table=Koalas+Rollup", ["drop", "delete", "failed", "rollup"]),
        ("table=Koalas", []),
        ("text=soundex", ["failed"]),
        ("text=+QUERY_not_supported+", ["failed"]),
        ("status=completed&type=batch&table=Koalas+Source&text=UPPER", ["rollup"]),
        ("page=0", ALL),
        ("page=x", ALL),
        ("page=9", ALL),
    ],
)
def test_filters_keep_the_jobs_that_fit_all_of_them_newest_first(koalas, jobs, show, query, names) -> None:
    """An empty filter has no effect; a page that doesn't exist is the nearest one."""
    assert [jobs[one] for one in shown(show(koalas, f"/jobs?{query}"))] == names


def test_filters_find_a_job_by_its_id(koalas, jobs, show) -> None:
    """Text that a log or an error message contains."""
    job_id = next(iter(jobs))
    assert shown(show(koalas, f"/jobs?text={job_id.upper()}")) == [job_id]


def test_filters_show_what_was_asked_for_escaped(koalas, jobs, show) -> None:
    """The form keeps the selection; without a match, the total number is shown."""
    page = show(koalas, "/jobs?status=failed&type=streaming&table=%22%3Cb%3E&text=%27%3Ci%3E")
    assert '<option value="failed" selected>failed</option>' in page
    assert '<option value="streaming" selected>Streaming ingestion</option>' in page
    assert 'name="table" value="&#34;&lt;b&gt;"' in page
    assert 'name="text" value="&#39;&lt;i&gt;"' in page
    assert '<option value="Koalas Source"></option>' in page
    assert "<h2>0 jobs of 5</h2>" in page
    assert "None of 5 jobs fits these filters." in page


def test_pages_hold_25_jobs_and_lead_to_each_other(koalas, show) -> None:
    """Links keep the filters; no job is shown twice or omitted."""
    ids = [koalas.submit(koalas.rollup(filterExpression=f'"session_length" > {n}')) for n in range(51)]
    koalas.ok("GET", "/jobs")
    pages = [show(koalas, f"/jobs?table=Koalas+Rollup&text=session&page={number}") for number in (1, 2, 3)]
    assert [len(shown(page)) for page in pages] == [25, 25, 1]
    assert [one for page in pages for one in shown(page)] == ids[::-1]
    here = "/__emulator__/jobs?table=Koalas+Rollup&amp;text=session&amp;page="
    links = [re.findall(r'<a href="([^"]*)" rel="(prev|next)">', page) for page in pages]
    assert links == [[(f"{here}2", "next")], [(f"{here}1", "prev"), (f"{here}3", "next")], [(f"{here}2", "prev")]]
    assert '<h2>51 jobs of 52</h2><p class="muted">26 to 50, the newest first.</p>' in pages[1]
    assert "<span>Page 2 of 3</span>" in pages[1]


def cells(page: str, label: str) -> list[str]:
    """Return the text of each cell of a column."""
    found = re.findall(rf'<td[^>]*data-label="{re.escape(label)}"[^>]*>(.*?)</td>', page)
    return [re.sub("<.*?>", "", cell) for cell in found]


def test_list_shows_who_made_a_job_and_how_long_it_ran(make_api, show) -> None:
    """The task, else the user of the request; until now for a running job, until the log's entry for a failed one."""
    api = make_api("seconds=10")
    api.koalas()
    origin = {"dag": "koalas", "task": "by_hour", "run": "manual__1", "mapIndex": 0, "try": 1}
    api.submit(api.rollup(context={"airflowOrigin": origin}))
    api.clock.advance(11)
    api.submit(api.rollup(mappings=[{"columnName": "c", "expression": 'SOUNDEX("city")'}]))
    api.clock.advance(11)
    api.submit(api.rollup())
    api.clock.advance(4)
    api.submit(api.rollup())
    page = show(api, "/jobs")
    assert cells(page, "Made by")[:4] == [*["api-key-pok_..."] * 3, "koalas.by_hour[0]manual__1"]
    assert cells(page, "Ran for")[:4] == ["–", "3.0 s", "9.0 s", "9.0 s"]
    assert cells(page, "Status")[:4] == ["pending0 %0 %", "running40 %40 %", "failed", "completed"]
    assert "All times and intervals are in UTC." in page


def test_list_shows_two_intervals_and_the_number_of_the_others(koalas, show) -> None:
    """The page of the job has all of them."""
    days = [f"2024-06-0{day}/2024-06-0{day + 1}" for day in (1, 3, 5, 7)]
    target = {"type": "table", "tableName": "Koalas Rollup", "intervals": days}
    job = koalas.submit(koalas.rollup(ingestionMode="replace", target=target, partitionedBy="day"))
    assert cells(show(koalas, "/jobs"), "Interval (UTC)")[0] == f"{days[0]}{days[1]}and 2 more"
    assert show(koalas, f"/jobs/{job}").count('<span class="interval">') == 4
