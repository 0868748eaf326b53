# SPDX-License-Identifier: Apache-2.0
"""Files on the wire: lists of them and uploads."""

from __future__ import annotations

import io
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from tests.client.conftest import FILE, Reply, Script


def test_files_are_paged_until_the_total(client: PolarisClient, server: Script) -> None:
    """The list of files returns a total instead of a flag for more."""
    files = [{"name": f"f{number}"} for number in range(5)]
    server.answer(Reply(body={"files": files[:4], "totalCount": 5}), Reply(body={"files": files[2:], "totalCount": 5}))
    assert list(client.iter_files(page_size=4, search="f")) == files
    assert server.seen[0].query == [
        ("searchString", "f"),
        ("sortColumn", "uploaded_on_dt"),
        ("sortOrder", "DESC"),
        ("paginationLimit", "4"),
        ("paginationOffset", "0"),
    ]


def test_files_end_with_the_page_that_reaches_the_total(client: PolarisClient, server: Script) -> None:
    """A full last page needs no further request."""
    server.answer(Reply(body={"files": [{"name": "a"}, {"name": "b"}], "totalCount": 2}))
    assert len(list(client.iter_files(page_size=2))) == 2
    assert len(server.seen) == 1


def parts_of(server: Script) -> list[tuple[str, bytes]]:
    seen = server.seen[-1]
    head = f"Content-Type: {seen.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + seen.body)
    return [(part["Content-Disposition"], part.get_payload(decode=True)) for part in message.get_payload()]


def test_upload_of_a_path_streams_a_form(client: PolarisClient, server: Script, tmp_path: Path) -> None:
    """The part is named file and has the file's name; the formats are in the query."""
    path = tmp_path / "koalas.json.gz"
    data = bytes(range(256)) * 1000
    path.write_bytes(data)
    server.answer(Reply(201, FILE))
    assert client.upload_file(path, data_format="nd-json", compression_format="gz") == FILE
    assert server.seen[0].query == [("dataFormat", "nd-json"), ("compressionFormat", "gz")]
    assert parts_of(server) == [('form-data; name="file"; filename="koalas.json.gz"', data)]
    assert server.seen[0].headers["Content-Length"] == str(len(server.seen[0].body))


def test_upload_after_a_429_starts_the_file_anew(client: PolarisClient, server: Script) -> None:
    """The second attempt sends the whole file, from its original position."""
    file = io.BytesIO(b"skipped" + b"payload")
    file.seek(7)
    server.answer(Reply(429), Reply(201, FILE))
    client.upload_file(file, name='a "quoted" ü.json')
    assert server.seen[0].body == server.seen[1].body
    assert parts_of(server)[0][1] == b"payload"
    assert b'filename="a %22quoted%22 \xc3\xbc.json"' in server.seen[0].body


def test_upload_of_an_empty_file_is_sent(client: PolarisClient, server: Script) -> None:
    """Whether an empty file is valid is decided by the service."""
    server.answer(Reply(201, FILE))
    client.upload_file(io.BytesIO(), name="empty.json")
    assert parts_of(server) == [('form-data; name="file"; filename="empty.json"', b"")]


def test_upload_with_a_lost_answer_is_not_repeated(client: PolarisClient, server: Script) -> None:
    """A second upload would conflict with the first one."""
    server.answer(Reply(act="drop"))
    with pytest.raises(Exception, match=r"The request may have taken effect\. Check that before you send it again"):
        client.upload_file(io.BytesIO(b"x"), name="x")
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("file", "name", "message"),
    [
        (
            io.StringIO("x"),
            "x",
            r"^upload_file needs a path or a seekable file in binary mode, not <_io.StringIO .*>\.$",
        ),
        (7, "x", r"^upload_file needs a path or a seekable file in binary mode, not 7\.$"),
        (io.BytesIO(b"x"), None, r"^upload_file needs a name for a file object\.$"),
    ],
)
def test_upload_of_what_is_no_file_is_refused(file: Any, name: str | None, message: str, client: PolarisClient) -> None:
    """Text mode would count characters but send bytes."""
    with pytest.raises(PolarisSpecError, match=message):
        client.upload_file(file, name=name)
