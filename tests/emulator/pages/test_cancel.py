# SPDX-License-Identifier: Apache-2.0
"""The cancel button: its effect, the jobs that have it, and the requests that it rejects."""

from __future__ import annotations

import pytest

OURS = {"sec-fetch-site": "same-origin"}
OURS_ORIGIN = "http://127.0.0.1:8099"


def cancel(api, job: str, headers: dict[str, str]) -> tuple[int, str]:
    """Return the status and the page, or the target of the redirect."""
    response = api.client.post(f"/__emulator__/jobs/{job}/cancel", headers=headers, follow_redirects=False)
    return response.status_code, response.headers.get("location", response.text)


@pytest.mark.parametrize("progression", ["immediate", "polls=3", "seconds=10"])
@pytest.mark.parametrize("headers", [OURS, {"origin": OURS_ORIGIN}])
def test_cancel_from_a_page_of_the_console_takes_effect_at_once(make_api, show, progression, headers) -> None:
    """With every progression; browsers that don't send the site send the origin."""
    api = make_api(progression)
    api.koalas()
    job = api.submit(api.rollup())
    assert '<button type="submit" class="danger" id="cancel">Cancel job</button>' in show(api, f"/jobs/{job}")
    assert cancel(api, job, headers) == (303, f"/__emulator__/jobs/{job}")
    page = show(api, f"/jobs/{job}")
    assert '<p class="status" role="status"><span class="badge canceled">canceled</span></p>' in page
    assert "<dt>Asked to be</dt><dd>canceled by console-user</dd>" in page
    assert "<form" not in page
    shown = api.ok("GET", f"/jobs/{job}")
    assert (shown["executionStatus"], shown["lastModifiedBy"]["username"]) == ("canceled", "console-user")


def test_cancel_does_not_count_as_a_look_at_other_jobs(make_api) -> None:
    """With polls they keep the progress that their clients have caused."""
    api = make_api("polls=2")
    api.koalas()
    other = api.submit(api.rollup())
    assert cancel(api, api.submit(api.rollup()), OURS)[0] == 303
    assert api.ok("GET", f"/jobs/{other}/status") == {"executionStatus": "running"}
    assert api.ok("GET", f"/jobs/{other}/status") == {"executionStatus": "completed"}


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "none"}, {"sec-fetch-site": "none", "origin": OURS_ORIGIN}])
def test_cancel_that_no_page_sends_is_refused_and_says_why(make_api, headers) -> None:
    """The control plane needs no key, so a client that is no page of the console can't cancel; the job continues."""
    api = make_api("polls=9")
    api.koalas()
    job = api.submit(api.rollup())
    status, page = cancel(api, job, headers)
    assert status == 403
    assert (
        f'<h1>Refused</h1><p class="callout error">Job &#39;{job}&#39; was not canceled: the request doesn&#39;t '
        "come from a page of this console. Only these pages may cancel a job without a key. Open the job&#39;s page "
        "and use its button, or send the request to the API, with a key.</p>"
    ) in page
    assert api.ok("GET", f"/jobs/{job}")["desiredExecutionStatus"] == "running"


def test_cancel_of_a_job_that_has_ended_says_so(koalas, show) -> None:
    """It ended between the page and the click; for an unknown job there is an error."""
    job = koalas.run(koalas.rollup())["id"]
    status, page = cancel(koalas, job, OURS)
    assert status == 400
    assert f"job &#39;{job}&#39; is &#39;completed&#39; and can no longer be &#39;canceled&#39;.</p>" in page
    status, page = cancel(koalas, "nope", OURS)
    assert status == 404
    assert "Job &#39;nope&#39; does not exist.</p>" in page


def test_cancel_of_a_job_that_a_fault_holds_waits_and_says_so(koalas, show) -> None:
    """The cancellation is requested, but the job makes no progress; it can't be requested twice."""
    job = koalas.submit(koalas.rollup())
    koalas.fault(effect="job_status", jobStatus="running", times=None)
    assert cancel(koalas, job, OURS)[0] == 303
    page = show(koalas, f"/jobs/{job}")
    assert '<span class="badge running">running</span> <span class="badge canceled">canceling</span>' in page
    assert "<form" not in page


def test_cancel_is_not_offered_for_what_the_api_can_not_cancel(koalas, show) -> None:
    """Deletions run to their end; streams run until they are canceled."""
    koalas.fault(effect="job_status", jobStatus="running", times=None)
    deletion = koalas.submit(koalas.about("delete_data", deleteAll=True))
    page = show(koalas, f"/jobs/{deletion}")
    assert '<span class="badge running">running</span>' in page
    assert "<form" not in page
    assert "<progress" not in page
