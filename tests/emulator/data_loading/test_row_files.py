# SPDX-License-Identifier: Apache-2.0
"""Files with rows: the rows of each format, and the messages for unreadable files."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import duckdb
import pytest

from airflow_provider_polaris.emulator.data_loading.row_files import LoadError, read_rows

LINES = '{"__time": "2024-06-01", "city": "Cairns"}\n\n{"__time": "2024-06-02", "n": 1}\n'
ROWS = [("line 1", {"__time": "2024-06-01", "city": "Cairns"}), ("line 3", {"__time": "2024-06-02", "n": 1})]

_NO_KIND = (
    "file {!r} has a name without a known suffix: give it one that ends in .json (one object per line), .csv or "
    ".tsv, each also with .gz, .bz2 or .xz, or in .parquet."
)


def _file(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("rows.json", bytes),
        ("rows.v2.JSONL", bytes),
        ("rows.ndjson.gz", gzip.compress),
        ("rows.json.bz2", bz2.compress),
        ("rows.json.xz", lzma.compress),
    ],
)
def test_json_lines_are_read_whatever_packs_them(tmp_path, name, pack) -> None:
    """The suffixes select the compression; blank lines and a byte-order mark are ignored."""
    assert list(read_rows(_file(tmp_path, name, pack(b"\xef\xbb\xbf" + LINES.encode())))) == ROWS


def test_json_line_may_hold_what_python_takes_for_a_line_end(tmp_path) -> None:
    """U+2028 inside a string doesn't end a row."""
    path = _file(tmp_path, "rows.json", '{"text": "a\u2028b"}\n')
    assert list(read_rows(path)) == [("line 1", {"text": "a\u2028b"})]


def test_csv_columns_are_numbers_only_if_all_of_their_fields_are(tmp_path) -> None:
    """A number with a leading zero makes its column text; an empty field is null; a quoted line end is part of the
    field.
    """
    text = '__time,code,n,share,note\n2024-06-01,0800,1,0.5,"two\nlines"\n\n2024-06-02,4870,,1e3,\n'
    assert list(read_rows(_file(tmp_path, "rows.csv", text))) == [
        ("line 2", {"__time": "2024-06-01", "code": "0800", "n": 1, "share": 0.5, "note": "two\nlines"}),
        ("line 5", {"__time": "2024-06-02", "code": "4870", "n": None, "share": 1000.0, "note": None}),
    ]


def test_tsv_is_cut_at_tabs(tmp_path) -> None:
    """A comma is text in a TSV file."""
    path = _file(tmp_path, "rows.tsv.gz", gzip.compress(b"__time\tcity\n2024-06-01\tCairns, QLD\n"))
    assert list(read_rows(path)) == [("line 2", {"__time": "2024-06-01", "city": "Cairns, QLD"})]


def test_file_without_rows_is_empty(tmp_path) -> None:
    """A file with only a header, or an empty file, has no rows."""
    assert list(read_rows(_file(tmp_path, "head.csv", "a,b\n"))) == []
    assert list(read_rows(_file(tmp_path, "empty.csv", ""))) == []
    assert list(read_rows(_file(tmp_path, "empty.json", ""))) == []


def test_parquet_is_read_with_its_own_types_and_times_in_utc(tmp_path) -> None:
    """The result doesn't depend on the zone of the machine."""
    path = tmp_path / "it's.parquet"
    quoted = str(path).replace("'", "''")
    columns = "TIMESTAMPTZ '2024-06-01 10:00:00+10' AS \"__time\", 'Cairns' AS city, 7::BIGINT AS n, [1, 2] AS l"
    duckdb.sql(f"COPY (SELECT {columns}) TO '{quoted}' (FORMAT parquet)")
    ((place, row),) = read_rows(path)
    assert (place, str(row["__time"]), row["city"], row["n"], row["l"]) == (
        "row 1",
        "2024-06-01 00:00:00",
        "Cairns",
        7,
        [1, 2],
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "rows.txt",
            "",
            _NO_KIND.format("rows.txt"),
        ),
        (
            "rows.parquet.gz",
            "",
            _NO_KIND.format("rows.parquet.gz"),
        ),
        (
            "rows.json",
            '{"a": 1}\n{"a": \n',
            "file 'rows.json', line 2 is not JSON: Expecting value at column 7. Write one object per line.",
        ),
        (
            "rows.json",
            '{"a": 1}\n"b"\n',
            "file 'rows.json', line 2 is '\"b\"', not an object. Write one object per line.",
        ),
        (
            "rows.json",
            '[{"a": 1},\n{"a": 2}]',
            "file 'rows.json', line 1 is an array, not an object. Write one object per line: jq -c '.[]' rows.json",
        ),
        (
            "rows.json",
            b'{"a": 1}\n{"a": "\xff"}\n',
            "file 'rows.json', line 2 is not UTF-8. Convert the file, for example with iconv.",
        ),
        (
            "rows.csv",
            "a,b\n1,2\n1,2,3\n",
            (
                "file 'rows.csv', line 3 has 3 fields, but the first line has 2. Put quotes around a field that "
                "holds ','."
            ),
        ),
        (
            "rows.csv",
            "a,a\n1,2\n",
            (
                "file 'rows.csv', line 1 names column 'a', but each column needs a unique, nonempty name. "
                "The first line holds the names."
            ),
        ),
        (
            "rows.csv",
            'a,b\n1,"2\n',
            "file 'rows.csv', line 2 can't be read: unexpected end of data. Check its quotes.",
        ),
        (
            "rows.json.gz",
            b"\x1f\x8b\x08\x00",
            (
                "file 'rows.json.gz' can't be decompressed: 'Compressed file ended before the end-of-stream marker was "
                "reached'. Check that it is complete and that its suffix matches its compression."
            ),
        ),
    ],
)
def test_file_that_can_not_be_read_is_one_sentence(tmp_path, monkeypatch, name, content, message) -> None:
    """The message has file, line, reason and fix."""
    _file(tmp_path, name, content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoadError) as caught:
        list(read_rows(Path(name)))
    assert str(caught.value) == message


def test_file_that_is_not_there_is_one_sentence(tmp_path) -> None:
    """The message has the path as it was given."""
    path = tmp_path / "none.csv"
    with pytest.raises(LoadError) as caught:
        read_rows(path)
    assert str(caught.value) == f"file {str(path)!r} can't be read: No such file or directory. Check the path."


def test_parquet_that_is_none_is_one_sentence(tmp_path) -> None:
    """The message quotes DuckDB's reason."""
    path = _file(tmp_path, "rows.parquet", "no parquet at all")
    with pytest.raises(LoadError) as caught:
        read_rows(path)
    start, end = f"file {str(path)!r} can't be read as Parquet: ", ". Check that it is complete."
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith(end)


def test_parquet_is_read_without_extensions(tmp_path, monkeypatch) -> None:
    """A file must not make DuckDB fetch one, as an encrypted file would."""
    path = tmp_path / "rows.parquet"
    duckdb.sql(f"COPY (SELECT 1 AS n) TO '{path}' (FORMAT parquet)")
    seen = []
    connect = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda *place, config: seen.append(config) or connect(*place, config=config))
    assert list(read_rows(path)) == [("row 1", {"n": 1})]
    assert [config["autoinstall_known_extensions"] for config in seen] == ["false"]
