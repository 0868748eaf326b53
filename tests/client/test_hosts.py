"""What people paste into the host field."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.client import ClientSettings
from airflow_provider_polaris.jobs.errors import PolarisSpecError

KEY = "pok_Zq7secretQ9xW"
PROJECT = "12375ffx-f7x4-4f0x-a1a6-3b3424987ee0"
HOST = "acme.us-east-1.aws.api.imply.io"
WHERE = (
    "In the Polaris console, Sources > Create source > Upload via API shows it on the first line of its example: "
    "https://ORG.REGION.CLOUD.api.imply.io/v1/projects/PROJECT_ID."
)


def from_host(host: str, project_id: str | None = PROJECT) -> ClientSettings:
    return ClientSettings.from_host(host, project_id=project_id, api_key=KEY)


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        (HOST, f"https://{HOST}"),
        (f"  {HOST}/ \n", f"https://{HOST}"),
        (f"https://{HOST}", f"https://{HOST}"),
        (f"HTTPS://{HOST.upper()}//", f"https://{HOST}"),
        (f"https://{HOST}/v1", f"https://{HOST}"),
        (f"https://{HOST}/v1/projects/", f"https://{HOST}"),
        (f"https://{HOST}:8443/v1/projects", f"https://{HOST}:8443"),
        (f"{HOST}:443", f"https://{HOST}:443"),
        (f"https://{HOST}/v1/projects/{PROJECT}/jobs?type=batch#x", f"https://{HOST}"),
        ("http://127.0.0.1:8099", "http://127.0.0.1:8099"),
        ("127.0.0.1:8099", "http://127.0.0.1:8099"),
        ("localhost:8099/", "http://localhost:8099"),
        ("[::1]:8099", "http://[::1]:8099"),
        ("http://polaris-emulator:8099", "http://polaris-emulator:8099"),
        ("https://eu.azure.example.org", "https://eu.azure.example.org"),
    ],
)
def test_host_in_any_usual_form_becomes_base_url(host: str, base_url: str) -> None:
    """Whatever is pasted, requests go to the same place."""
    assert from_host(host).base_url == base_url


@pytest.mark.parametrize("tail", ["", "/", "/jobs", "/tables/Koalas%20Source", "/jobs?paginationLimit=1"])
def test_host_with_whole_url_gives_project_id(tail: str) -> None:
    """The project id of a pasted URL counts, whatever comes behind it."""
    settings = from_host(f"https://{HOST}/v1/projects/{PROJECT}{tail}", None)
    assert (settings.base_url, settings.project_id) == (f"https://{HOST}", PROJECT)


def test_host_and_project_id_that_agree_are_accepted() -> None:
    """Saying the same twice is no conflict."""
    assert from_host(f"{HOST}/v1/projects/{PROJECT}", f" {PROJECT} ").project_id == PROJECT


@pytest.mark.parametrize(
    ("host", "project_id", "message"),
    [
        ("  ", "p1", f"connection 'polaris_default' has no host: set it to the regional API. {WHERE}"),
        (
            HOST,
            None,
            (
                "connection 'polaris_default' has no project id: set the extra 'project_id', or paste a host that "
                "goes on "
                "with /v1/projects/PROJECT_ID."
            ),
        ),
        (
            f"{HOST}/v1/projects/p2",
            "p1",
            (
                "connection 'polaris_default' names two projects: 'p1' in project_id and 'p2' in the host. "
                "Keep one of them."
            ),
        ),
        (
            "https://acme.app.imply.io/",
            "p1",
            (
                "host 'https://acme.app.imply.io/' of connection 'polaris_default' is the Polaris console, not its "
                "API: "
                f"the API's host is acme.REGION.CLOUD.api.imply.io. {WHERE}"
            ),
        ),
        (
            "acme.api.imply.io",
            "p1",
            (
                "host 'acme.api.imply.io' of connection 'polaris_default' is the organization-wide API, which knows no "
                f"jobs: the regional host is acme.REGION.CLOUD.api.imply.io. {WHERE}"
            ),
        ),
        (
            f"http://{HOST}",
            "p1",
            f"host 'http://{HOST}' of connection 'polaris_default' would send the API key unencrypted: use https.",
        ),
        (
            f"https://{KEY}:@{HOST}",
            "p1",
            (
                "the host of connection 'polaris_default' has a user name or password in it, which would end up in "
                "logs: "
                "take it out and put the API key into the password field."
            ),
        ),
        (
            f"https://{HOST}/v2/jobs",
            "p1",
            (
                f"host 'https://{HOST}/v2/jobs' of connection 'polaris_default' has the path '/v2/jobs', which is not "
                f"of "
                f"the Jobs v1 API: give the host alone or a URL that goes on with /v1/projects/PROJECT_ID. {WHERE}"
            ),
        ),
        (
            "ftp://example.org",
            "p1",
            (
                "host 'ftp://example.org' of connection 'polaris_default' starts with 'ftp': only https (or http) is "
                "spoken."
            ),
        ),
        (
            "https://example.org:99999",
            "p1",
            (
                "host 'https://example.org:99999' of connection 'polaris_default' can't be read as an address: Port "
                "out of "
                f"range 0-65535. {WHERE}"
            ),
        ),
        (
            "my host",
            "p1",
            f"host 'my host' of connection 'polaris_default' has no valid host name in it. {WHERE}",
        ),
    ],
)
def test_host_that_cannot_work_is_refused_with_a_sentence(host: str, project_id: str | None, message: str) -> None:
    """Each wrong address has a sentence that says what to put there."""
    with pytest.raises(PolarisSpecError) as caught:
        from_host(host, project_id)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "host", ["https://", "https:///v1", "https://a..b", "https://[::1", "https://.x", "//", "a%20b"]
)
def test_host_that_is_nonsense_is_refused(host: str) -> None:
    """Nothing but a spec error comes out, whatever is typed."""
    with pytest.raises(PolarisSpecError, match="of connection 'polaris_default'"):
        from_host(host)
