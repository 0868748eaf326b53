# SPDX-License-Identifier: Apache-2.0
"""The staging area: upload, list, describe, delete."""

from __future__ import annotations

import gzip
import hashlib

import pytest

from airflow_provider_polaris.emulator.catalog.files import detect


def _put(api, name, content=b"{}\n", query="", part="file", media_type=None):
    file = (name, content) if media_type is None else (name, content, media_type)
    return api.call("POST", f"/files{query}", files={part: file})


def test_upload_answers_with_the_metadata(api) -> None:
    """The reply is 201 with the metadata of describe; the digest is that of the uploaded bytes."""
    content = gzip.compress(b'{"a":1}\n')
    status, created = _put(api, "kttm-2019-08-20.json.gz", content)
    assert status == 201
    assert created == api.ok("GET", "/files/kttm-2019-08-20.json.gz")
    assert created.pop("id")
    assert created == {
        "name": "kttm-2019-08-20.json.gz",
        "sizeBytes": len(content),
        "dataFormat": "nd-json",
        "compressionFormat": "gz",
        "digest": {"algo": "md5", "hash": hashlib.md5(content).hexdigest()},
        "uploadedBy": api.ok("GET", "/files")["files"][0]["uploadedBy"],
        "uploadedOnDatetime": "2024-07-01T00:00:00.123456789Z",
    }


def test_upload_of_a_taken_name_is_a_conflict(api) -> None:
    """File names are unique, as documented; the first file stays."""
    _put(api, "a.json", b"{}\n")
    assert _put(api, "a.json", b"{}\n{}\n") == (
        409,
        {"code": "Conflict", "message": "File 'a.json' exists already."},
    )
    assert api.ok("GET", "/files/a.json")["sizeBytes"] == 3


@pytest.mark.parametrize(
    ("name", "media_type", "formats"),
    [
        ("a.json", None, ("nd-json", "none")),
        ("A.JSON.GZ", None, ("nd-json", "gz")),
        ("a.b.ndjson.zst", None, ("nd-json", "zstd")),
        ("a.tsv.bz2", None, ("csv", "bz2")),
        ("a.parquet", None, ("parquet", "none")),
        ("a.gz", "application/json; charset=utf-8", ("nd-json", "gz")),
        ("a.txt", "text/csv", ("csv", "none")),
        ("a", None, (None, "none")),
        ("json", None, (None, "none")),
    ],
)
def test_detect_reads_the_name_then_the_media_type(name, media_type, formats) -> None:
    """The last suffix is the compression, the one before it the format."""
    assert detect(name, media_type) == formats


def test_upload_formats_can_be_said(api) -> None:
    """The client's values take precedence over the name."""
    status, created = _put(api, "data", query="?dataFormat=nd-json&compressionFormat=xz")
    assert (status, created["dataFormat"], created["compressionFormat"]) == (201, "nd-json", "xz")


@pytest.mark.parametrize(
    ("arguments", "status", "target"),
    [
        ({"name": "a.bin"}, 400, "dataFormat"),
        ({"name": "a.json", "query": "?dataFormat=json"}, 400, "dataFormat"),
        ({"name": "a.json", "query": "?compressionFormat=zip"}, 400, "compressionFormat"),
        ({"name": "a.json", "part": "data"}, 400, "file"),
        ({"name": "../a.json"}, 400, "file"),
        ({"name": "..\\a.json"}, 400, "file"),
        ({"name": "x" * 300 + ".json"}, 400, "file"),
    ],
)
def test_upload_that_breaks_a_rule_is_refused(api, arguments, status, target) -> None:
    """The error's target is the invalid part or parameter, and nothing is stored."""
    refused, answer = _put(api, **arguments)
    assert (refused, answer["target"]) == (status, target)
    assert api.ok("GET", "/files")["files"] == []


def test_upload_of_something_else_is_refused(api) -> None:
    """A body that is not a form gets 415; a broken form gets 400."""
    assert api.call("POST", "/files", {})[0] == 415
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert api.call("POST", "/files", content=b"nonsense", headers=headers)[0] == 400
    assert api.call("POST", "/files", content=b"x", headers={"Content-Type": "multipart/form-data"})[0] == 400
    assert api.ok("GET", "/files")["files"] == []


def test_upload_that_is_too_long_is_refused(make_api) -> None:
    """413 in the envelope."""
    api = make_api(max_upload_bytes=10)
    assert _put(api, "a.json", b"x" * 11) == (
        413,
        {"code": "PayloadTooLarge", "message": "The file is longer than 10 bytes."},
    )
    assert _put(api, "a.json", b"x" * (2 << 20))[0] == 413
    assert _put(api, "a.json", b"x" * 10)[0] == 201


def test_upload_of_unknown_length_is_refused_when_it_is_too_long(make_api) -> None:
    """A client that doesn't send a length also gets 413."""
    api = make_api(max_upload_bytes=10)

    def chunks():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n'
        for _ in range(32):
            yield b"y" * 65_536
        yield b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert api.call("POST", "/files", content=chunks(), headers=headers) == (
        413,
        {"code": "PayloadTooLarge", "message": "The file is longer than 10 bytes."},
    )
    assert api.ok("GET", "/files")["files"] == []


def test_upload_with_many_fields_is_refused(api) -> None:
    """Fields are held in memory and ignored, so their number is limited."""
    status, answer = api.call(
        "POST", "/files", files={"file": ("a.json", b"{}")}, data={f"f{n}": "x" for n in range(11)}
    )
    assert (status, answer) == (
        400,
        {"code": "BadRequest", "message": "Too many fields. Maximum number of fields is 10."},
    )


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/files"), ("POST", "/jobs"), ("POST", "/query/sql"), ("PUT", "/tables/t")]
)
def test_body_that_is_compressed_is_refused(api, method, path, encoding) -> None:
    """The emulator doesn't decompress bodies, so a decompression bomb has no effect."""
    media_type = "multipart/form-data; boundary=x" if path == "/files" else "application/json"
    headers = {"Content-Encoding": encoding, "Content-Type": media_type}
    assert api.call(method, path, content=gzip.compress(b"{}"), headers=headers) == (
        415,
        {
            "code": "UnsupportedMediaType",
            "message": f"content encoding {encoding!r} is not supported; send the body as it is.",
        },
    )


def test_list_files_filters_sorts_and_pages(api) -> None:
    """Newest first by default; the space counts all files."""
    for name, content in (("b.json", b"1"), ("a.json", b"333"), ("c.csv", b"22")):
        _put(api, name, content)
        api.clock.advance(1)

    def names(query):
        return [file["name"] for file in api.ok("GET", f"/files{query}")["files"]]

    assert names("") == ["c.csv", "a.json", "b.json"]
    assert names("?sortColumn=name&sortOrder=ASC") == ["a.json", "b.json", "c.csv"]
    assert names("?sortColumn=size_bytes") == ["a.json", "c.csv", "b.json"]
    assert names("?sortColumn=data_format&sortOrder=ASC")[0] == "c.csv"
    assert names("?searchString=JSON") == ["a.json", "b.json"]
    page = api.ok("GET", "/files?paginationLimit=1&paginationOffset=1")
    assert ([file["name"] for file in page["files"]], page["totalCount"]) == (["a.json"], 3)
    assert page["links"] == {
        "@nextLink": "?paginationLimit=1&paginationOffset=2",
        "@prevLink": "?paginationLimit=1&paginationOffset=0",
    }
    # The vendor's OpenAPI document has texts there, and no null.
    assert api.ok("GET", "/files")["links"] == {}
    space = page["space"]
    assert space["usedBytes"] == 6
    assert space["allocatedBytes"] - space["usedBytes"] == space["remainingBytes"]
    assert api.call("GET", "/files?sortColumn=color")[0] == 400


def test_delete_file_frees_its_name(api) -> None:
    """204 without a body; then the file is gone."""
    _put(api, "a.json")
    assert api.call("DELETE", "/files/a.json") == (204, None)
    assert api.call("DELETE", "/files/a.json") == (
        404,
        {"code": "NotFound", "message": "File 'a.json' does not exist."},
    )
    assert api.call("GET", "/files/a.json")[0] == 404
    assert _put(api, "a.json")[0] == 201


def test_compressed_file_is_ingested_like_a_plain_one(api) -> None:
    """JSON lines, gzip and bare, in one job."""
    rows = [{"timestamp": "2024-06-01T00:00:00Z", "city": "Oslo", "session": "S", "session_length": 1}]
    api.upload("a.json", rows)
    api.upload("b.json.gz", rows * 2)
    job = api.run(api.upload_job("t", "a.json", "b.json.gz"))
    assert (job["executionStatus"], api.ok("GET", "/tables/t")["totalRows"]) == ("completed", 3)


def test_job_whose_file_was_deleted_fails(make_api, clock) -> None:
    """If a file is deleted while the job waits, the job fails and the emulator keeps working."""
    api = make_api("seconds=60")
    api.upload("a.json", [])
    job_id = api.submit(api.upload_job("t", "a.json"))
    api.ok("DELETE", "/files/a.json")
    clock.advance(60)
    job = api.ok("GET", f"/jobs/{job_id}")
    assert (job["executionStatus"], job["health"]["status"]) == ("failed", "error")
