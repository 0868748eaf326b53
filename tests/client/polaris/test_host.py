# SPDX-License-Identifier: Apache-2.0
"""Values that users paste into the host field."""

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
        (f"https://{HOST}.", f"https://{HOST}"),
        (f"{HOST}.:8443/v1/projects", f"https://{HOST}:8443"),
        ("localhost.:8099", "http://localhost:8099"),
        ("http://LOCALHOST.", "http://localhost"),
        ("http://127.0.0.1.:8099", "http://127.0.0.1:8099"),
        ("127.8.9.1", "http://127.8.9.1"),
        ("http://[::ffff:127.0.0.1]:8099", "http://[::ffff:127.0.0.1]:8099"),
        ("https://polaris-emulator:8099", "https://polaris-emulator:8099"),
        ("127.1", "https://127.1"),
        ("https://eu.azure.example.org", "https://eu.azure.example.org"),
    ],
)
def test_host_in_any_usual_form_becomes_base_url(host: str, base_url: str) -> None:
    """All pasted forms lead to the same address."""
    assert from_host(host).base_url == base_url


@pytest.mark.parametrize("tail", ["", "/", "/jobs", "/tables/Koalas%20Source", "/jobs?paginationLimit=1"])
def test_host_with_whole_url_gives_project_id(tail: str) -> None:
    """The project id of a pasted URL is used, whatever follows it."""
    settings = from_host(f"https://{HOST}/v1/projects/{PROJECT}{tail}", None)
    assert (settings.base_url, settings.project_id) == (f"https://{HOST}", PROJECT)


def test_host_and_project_id_that_agree_are_accepted() -> None:
    """The same project id twice is no conflict."""
    assert from_host(f"{HOST}/v1/projects/{PROJECT}", f" {PROJECT} ").project_id == PROJECT


@pytest.mark.parametrize(
    ("host", "project_id", "message"),
    [
        ("  ", "p1", f"connection 'polaris_default' has no host: set it to the regional API. {WHERE}"),
        (
            HOST,
            None,
            (
                "connection 'polaris_default' has no project id: set the extra 'project_id', or paste a URL that "
                "continues with /v1/projects/PROJECT_ID."
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
                "host 'acme.api.imply.io' of connection 'polaris_default' is the organization-wide API, which has no "
                f"jobs: the regional host is acme.REGION.CLOUD.api.imply.io. {WHERE}"
            ),
        ),
        (
            f"http://{HOST}",
            "p1",
            (
                f"host 'http://{HOST}' of connection 'polaris_default' would send the credentials unencrypted: use "
                "https. Only a loopback address such as 127.0.0.1 may use http."
            ),
        ),
        (
            "https://acme.app.imply.io./",
            "p1",
            (
                "host 'https://acme.app.imply.io./' of connection 'polaris_default' is the Polaris console, not its "
                "API: "
                f"the API's host is acme.REGION.CLOUD.api.imply.io. {WHERE}"
            ),
        ),
        (
            f"https://{KEY}:@{HOST}",
            "p1",
            (
                "the host of connection 'polaris_default' contains a user name or password, which would be logged: "
                "remove it and put the API key into the password field."
            ),
        ),
        (
            f"https://{HOST}/v2/jobs",
            "p1",
            (
                f"host 'https://{HOST}/v2/jobs' of connection 'polaris_default' has the path '/v2/jobs', which is not "
                "of the Jobs v1 API: enter only the host, or a URL that continues with /v1/projects/PROJECT_ID. "
                f"{WHERE}"
            ),
        ),
        (
            "ftp://example.org",
            "p1",
            (
                "host 'ftp://example.org' of connection 'polaris_default' starts with 'ftp': only https (or http) is "
                "supported."
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
            f"host 'my host' of connection 'polaris_default' has no valid host name. {WHERE}",
        ),
    ],
)
def test_host_that_cannot_work_is_refused_with_a_sentence(host: str, project_id: str | None, message: str) -> None:
    """Each wrong address has a message with the fix."""
    with pytest.raises(PolarisSpecError) as caught:
        from_host(host, project_id)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "host", ["https://", "https:///v1", "https://a..b", "https://[::1", "https://.x", "//", "a%20b"]
)
def test_host_that_is_nonsense_is_refused(host: str) -> None:
    """Only a spec error is raised, whatever is typed."""
    with pytest.raises(PolarisSpecError, match="of connection 'polaris_default'"):
        from_host(host)


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}",
        f"http://{HOST}.",
        f"HTTP://{HOST.upper()}:80",
        "http://polaris-emulator:8099",
        "http://localhost.example.org",
        "http://evil.localhost",
        "http://127.0.0.1.example.org",
        "http://127.1",
        "http://2130706433",
        "http://0x7f.1",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "http://[::ffff:10.0.0.1]",
        "http://[fe80::1]",
        "http://１２７.0.0.1",
        "http:/127.0.0.1",
    ],
)
def test_clear_text_leaves_this_machine_in_no_spelling(url: str) -> None:
    """Only a certain loopback address may use http, as host and as token_url."""
    with pytest.raises(PolarisSpecError):
        from_host(url)
    with pytest.raises(PolarisSpecError, match="unencrypted"):
        ClientSettings(url, "p1", api_key=KEY)
    with pytest.raises(PolarisSpecError, match=r"unencrypted|is not an http\(s\) URL"):
        ClientSettings(
            f"https://{HOST}", "p1", auth="oauth", client_id="c", client_secret="s3cret-s3cret", token_url=f"{url}/t"
        )


@pytest.mark.parametrize("url", [r"http://example.org\@localhost", "http://example.org@localhost", "http://[localhost"])
def test_clear_text_is_judged_by_the_host_that_is_connected_to(url: str) -> None:
    """A user name, a backslash or a broken bracket doesn't make another host a loopback."""
    with pytest.raises(PolarisSpecError):
        from_host(url)
    with pytest.raises(PolarisSpecError):
        ClientSettings(
            f"https://{HOST}", "p1", auth="oauth", client_id="c", client_secret="s3cret-s3cret", token_url=url
        )


@pytest.mark.parametrize("key", ["http", "all", "http://127.0.0.1", "all://127.0.0.1"])
def test_clear_text_goes_to_no_proxy_elsewhere(key: str) -> None:
    """A plain request to a loopback address may only pass a proxy on this machine."""
    with pytest.raises(PolarisSpecError) as caught:
        ClientSettings(
            "http://127.0.0.1:1", "p1", api_key=KEY, proxies={"https": "p:1", key: "http://me:pw12@proxy:3128"}
        )
    assert str(caught.value) == (
        "proxy 'http://***@proxy:3128' of connection 'polaris_default' would get the credentials unencrypted, because "
        "the host or token_url uses http: use https or remove the proxy."
    )
    assert ClientSettings(f"https://{HOST}", "p1", api_key=KEY, proxies={key: "http://proxy:3128"}).proxies
    assert ClientSettings("http://127.0.0.1:1", "p1", api_key=KEY, proxies={key: "127.0.0.1:3128"}).proxies
