# SPDX-License-Identifier: Apache-2.0
"""Uploaded files: plain and compressed JSON lines, invalid lines, and the conversion to each data type."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from typing import Any

import pytest

from airflow_provider_polaris.emulator.engine import BatchTotals, Column, FileInput, JobFault, MappingPlan
from airflow_provider_polaris.emulator.engine.jobs import uploaded_files as files
from tests.emulator.engine.conftest import COLUMNS, FILE_MAPPINGS, ROWS, SCHEMA, Engine, day

TIME = '{"timestamp": "2024-06-01T00:00:00Z", '


def lines(*texts: str) -> bytes:
    return "\n".join(texts).encode()


GOOD = lines(*(json.dumps(dict(zip(("timestamp", "city", "session_length"), row, strict=True))) for row in ROWS))


def ingest(engine: Engine, *contents: bytes, **changes: Any) -> BatchTotals:
    if engine.tables.get("events") is None:
        engine.create("events", columns=COLUMNS)
    for number, content in enumerate(contents):
        engine.store.put_blob(f"f{number}", content)
    source = FileInput(tuple(f"f{number}" for number in range(len(contents))), SCHEMA)
    plan = {"target": "events", "mode": "append", "source": source, "mappings": FILE_MAPPINGS, **changes}
    return engine.run(**plan)


def read_as(engine: Engine, data_type: str, *values: str) -> list[Any]:
    """Ingest JSON values as a field of a type, and return the stored values in the same order."""
    engine.create("typed")
    engine.store.put_blob("f", lines(*(f'{TIME}"n": {n}, "x": {value}}}' for n, value in enumerate(values))))
    schema = (Column("timestamp", "timestamp"), Column("n", "long"), Column("x", data_type))
    mappings = (MappingPlan("__time", '"timestamp"'), MappingPlan("n", '"n"'), MappingPlan("x", '"x"'))
    engine.run(target="typed", mode="append", source=FileInput(("f",), schema), mappings=mappings)
    return [value for _, value in sorted(engine.rows("typed", '"n", "x"'))]


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["plain", "gzip", "bzip2", "xz"]
)
def test_file_in_any_compression_gives_the_same_rows(engine: Engine, pack: Any) -> None:
    """The compression is detected from the content; the byte count is that of the decompressed data."""
    totals = ingest(engine, pack(GOOD))
    assert totals == BatchTotals(rows_processed=5, rows_persisted=5, rows_skipped_by_error=0, bytes_processed=len(GOOD))
    assert engine.rows("events") == sorted(ROWS)


def test_several_files_are_one_source(engine: Engine) -> None:
    """All rows of all files are stored in one version."""
    totals = ingest(engine, GOOD, gzip.compress(GOOD))
    assert (totals.rows_persisted, totals.bytes_processed) == (10, 2 * len(GOOD))
    assert len({segment.version for segment in engine.tables.used_segments("events")}) == 1


@pytest.mark.parametrize(
    "content",
    [GOOD + b"\n", GOOD.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + GOOD, b"\n\n" + GOOD.replace(b"\n", b"\n \n")],
    ids=["trailing newline", "crlf", "byte order mark", "blank lines"],
)
def test_layout_of_lines_makes_no_difference(engine: Engine, content: bytes) -> None:
    """None of these layouts is a parse exception."""
    totals = ingest(engine, content, max_parse_exceptions=0)
    assert (totals.rows_processed, totals.rows_skipped_by_error) == (5, 0)


BAD_LINES = [
    b"not json",
    b'{"timestamp": "2024-06-01T00:00:00Z", "city": ',
    b"[1, 2]",
    b"5",
    b'"text"',
    b"null",
    b'{"city": "\xff\xfe"}',
    b'{"city": NaN} x',
    b'{"city": "\\ud800"}',
    b'{"city": "a\0b"}',
    b"[" * 100_000,
]


def test_bad_lines_are_skipped_and_counted(engine: Engine) -> None:
    """By default, a job stores the readable lines and counts the others."""
    totals = ingest(engine, b"\n".join([*BAD_LINES, GOOD]))
    assert (totals.rows_processed, totals.rows_persisted, totals.rows_skipped_by_error) == (5, 5, len(BAD_LINES))
    assert engine.rows("events") == sorted(ROWS)


def test_bad_lines_up_to_the_limit_are_allowed(engine: Engine) -> None:
    """The limit itself is allowed."""
    assert ingest(engine, b"x\ny\n" + GOOD, max_parse_exceptions=2).rows_skipped_by_error == 2


def test_bad_lines_above_the_limit_fail_the_job(engine: Engine) -> None:
    """Nothing of the file is stored."""
    with pytest.raises(JobFault) as caught:
        ingest(engine, GOOD, b"x\ny\n" + GOOD, max_parse_exceptions=1)
    assert caught.value.code == "cannot_parse_source"
    assert caught.value.message == (
        "file 'f1' has lines that are not JSON objects: 2 so far, and maxParseExceptions allows 1."
    )
    assert engine.rows("events") == []
    assert ingest(engine, GOOD).rows_persisted == 5


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
def test_truncated_archive_fails_the_job(engine: Engine, pack: Any) -> None:
    """A truncated file is not read as a complete shorter file."""
    with pytest.raises(JobFault) as caught:
        ingest(engine, pack(GOOD)[:-12])
    assert caught.value.code == "cannot_parse_source"
    assert caught.value.message.startswith("file 'f0' can't be decompressed: ")
    assert engine.rows("events") == []


def test_damaged_archive_fails_the_job(engine: Engine) -> None:
    """A wrong checksum is detected."""
    packed = bytearray(gzip.compress(GOOD))
    packed[-5] ^= 0xFF
    with pytest.raises(JobFault) as caught:
        ingest(engine, bytes(packed))
    assert caught.value.message.startswith("file 'f0' can't be decompressed: 'CRC check failed")


def test_file_that_is_gone_fails_the_job(engine: Engine) -> None:
    """A file deleted between submission and run."""
    engine.create("events")
    with pytest.raises(JobFault) as caught:
        engine.run(target="events", mode="append", source=FileInput(("gone",), SCHEMA), mappings=FILE_MAPPINGS)
    assert (caught.value.code, caught.value.message) == ("cannot_parse_source", "file 'gone' doesn't exist.")


def test_format_other_than_json_lines_fails_the_job(engine: Engine) -> None:
    """CSV read as JSON would give only parse exceptions."""
    source = FileInput(("f0",), SCHEMA, {"format": "csv"})
    with pytest.raises(JobFault) as caught:
        ingest(engine, GOOD, source=source)
    assert caught.value.message == "format 'csv' is not supported by the emulator; it reads 'nd-json'."


def test_file_job_that_does_not_map_time_fails(engine: Engine) -> None:
    """Only table sources may leave __time out."""
    with pytest.raises(JobFault) as caught:
        ingest(engine, GOOD, mappings=FILE_MAPPINGS[1:])
    assert (caught.value.code, caught.value.message) == (
        "query_not_supported",
        "column '__time' is not mapped, which a job that reads files has to do.",
    )


def test_replace_from_a_file_discards_rows_outside_of_its_intervals(engine: Engine) -> None:
    """As with a table as the source, a replace changes only its intervals."""
    ingest(engine, GOOD)
    ingest(engine, GOOD, mode="replace", intervals=((day(1), day(2)),), filter_expression="FALSE OR TRUE")
    assert engine.rows("events") == sorted(ROWS)
    assert len(engine.tables.unused_segments("events")) == 1


def test_field_names_of_any_kind_are_found(engine: Engine) -> None:
    """Names are matched exactly: no paths, no case folding, no injection."""
    names = ["a.b", "a/b", "a~b", "$.a", "it's", 'quo"te', "ümlaut", " ", "x]"]
    record = {"timestamp": "2024-06-01T00:00:00Z", "a": {"b": "wrong"}, "A.B": "wrong"}
    record.update({name: f"value of {name}" for name in names})
    engine.store.put_blob("f0", json.dumps(record).encode())
    engine.create("names")
    schema = (SCHEMA[0], *(Column(name, "string") for name in names))
    mappings = [MappingPlan("__time", '"timestamp"')]
    for number, name in enumerate(names):
        quoted = name.replace('"', '""')
        mappings.append(MappingPlan(f"c{number}", f'"{quoted}"'))
    engine.run(target="names", mode="append", source=FileInput(("f0",), schema), mappings=tuple(mappings))
    assert engine.rows("names")[0][1:] == tuple(f"value of {name}" for name in names)


def test_strings_are_read_as_text(engine: Engine) -> None:
    """Numbers and objects become their JSON text, null stays null."""
    values = ['"Köln 🐨"', "12", "1.5", "true", "null", '{"a": [1]}', '""', '"\\u0041"']
    assert read_as(engine, "string", *values) == ["Köln 🐨", "12", "1.5", "true", None, '{"a":[1]}', "", "A"]


def test_longs_lose_fractions_and_what_is_no_number(engine: Engine) -> None:
    """Fractions are truncated as in Druid, not rounded; a value that doesn't fit becomes null."""
    values = ["12", '"12"', "12.7", "-12.7", "1e3", '"abc"', "true", "9223372036854775807", "9223372036854775808"]
    assert read_as(engine, "long", *values) == [12, 12, 12, -12, 1000, None, None, 9223372036854775807, None]


def test_doubles_are_read_exactly(engine: Engine) -> None:
    """The value is the nearest double, as in every JSON parser."""
    assert read_as(engine, "double", "0.1", '"2.5"', "12", '"abc"', "1e400") == [0.1, 2.5, 12.0, None, "Infinity"]


def test_arrays_and_json_are_read(engine: Engine) -> None:
    """Nested values keep their structure."""
    assert read_as(engine, "stringArray", '["a", "b"]', "[]", "null", '"a"') == ['["a","b"]', "[]", None, None]
    engine.tables.drop("typed")
    assert read_as(engine, "json", '{"a": [1, "12"]}', '"12"', "12") == ['{"a":[1,"12"]}', '"12"', "12"]


def test_timestamps_are_iso_text_or_milliseconds(engine: Engine) -> None:
    """Offsets are converted to UTC; fractions below a millisecond are truncated, because Druid has no finer time."""
    texts = [
        '"2024-06-01T02:00:00+02:00"',
        '"2024-06-01T00:00:00Z"',
        '"2024-06-01 00:00:00"',
        "1717200000000",
        '"2024-06-01"',
    ]
    assert read_as(engine, "timestamp", *texts) == [1717200000000] * 5
    engine.tables.drop("typed")
    assert read_as(engine, "timestamp", '"2024-06-01T00:00:00.123987654Z"', '"noon"') == [1717200000123, None]


@pytest.mark.parametrize("name", ["city", "note"])
def test_null_byte_fails_the_job_where_it_is_read(engine: Engine, name: str) -> None:
    """A null byte in a string that the job reads has its own error code; other null bytes are ignored."""
    content = f'{TIME}"{name}": "a\\u0000b"}}'.encode()
    if name == "note":
        assert ingest(engine, content).rows_persisted == 1
        return
    with pytest.raises(JobFault) as caught:
        ingest(engine, content)
    assert (caught.value.code, caught.value.message) == (
        "invalid_null_byte",
        "field 'city' holds a null byte, which strings can't have.",
    )


def test_object_with_a_key_twice_fails_the_job(engine: Engine) -> None:
    """DuckDB and Druid take different values; keys of different objects may be equal."""
    source = FileInput(("f0",), (*SCHEMA, Column("o", "json")))
    assert (
        ingest(engine, f'{TIME}"o": {{"a": {{"a": 1}}, "b": [{{"a": 1}}]}}}}'.encode(), source=source).rows_persisted
        == 1
    )
    with pytest.raises(JobFault) as caught:
        ingest(engine, f'{TIME}"o": [{{"a": 1, "a": 2}}]}}'.encode(), source=source)
    assert (caught.value.code, caught.value.message) == (
        "cannot_parse_source",
        "field 'o' holds an object that has a key twice, which the emulator doesn't read.",
    )


def test_schema_with_two_names_that_differ_by_case_is_refused(engine: Engine) -> None:
    """DuckDB would treat them as the same column."""
    source = FileInput(("f0",), (*SCHEMA, Column("City", "string")))
    with pytest.raises(JobFault) as caught:
        ingest(engine, GOOD, source=source)
    assert caught.value.message == "field 'City' of the input schema differs from 'city' only by case."


def test_schema_with_a_sketch_is_refused(engine: Engine) -> None:
    """JSON lines can't hold this type."""
    source = FileInput(("f0",), (*SCHEMA, Column("people", "HLLSketch")))
    with pytest.raises(JobFault) as caught:
        ingest(engine, GOOD, source=source)
    assert (caught.value.code, caught.value.message) == (
        "column_type_not_supported",
        "field 'people': the emulator doesn't read data type 'HLLSketch' from files.",
    )


def test_file_larger_than_a_piece_is_read_whole(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines across two reads, and lines longer than a read, are read completely and once."""
    monkeypatch.setattr("airflow_provider_polaris.emulator.engine.jobs.uploaded_files._PIECE", 64)
    rows = [("2024-06-01T00:00:00.000Z", "x" * (n * 7 % 200), n) for n in range(200)]
    assert engine.load("events", rows, max_parse_exceptions=0).rows_persisted == 200
    assert engine.rows("events") == sorted(rows)


FILES = "airflow_provider_polaris.emulator.engine.jobs.uploaded_files"


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_line_without_end_fails_the_job_before_it_is_in_memory(
    engine: Engine, pack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the file and the limit; the emulator reads little more than the limit."""
    monkeypatch.setattr(f"{FILES}._PIECE", 1000)
    monkeypatch.setattr(f"{FILES}.LONGEST_LINE", 10_000)
    read: list[int] = []
    _open = files._open

    class Counting:
        def __init__(self, blob: Any) -> None:
            self.stream = _open(blob)

        def __enter__(self) -> Counting:
            return self

        def __exit__(self, *_: object) -> None:
            self.stream.close()

        def read(self, size: int) -> bytes:
            read.append(size)
            return self.stream.read(size)

    monkeypatch.setattr(f"{FILES}._open", Counting)
    with pytest.raises(JobFault) as caught:
        ingest(engine, pack(GOOD + b'\n{"city": "' + b"x" * 1_000_000 + b'"}'))
    assert (caught.value.code, caught.value.message) == (
        "cannot_parse_source",
        "file 'f0' has a line of more than 10000 bytes.",
    )
    assert sum(read) <= 10_000 + len(GOOD) + 2000
    assert engine.rows("events") == []


@pytest.mark.parametrize("filling", [b"\n", b"{}\n", b" "])
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_archive_that_unpacks_to_far_more_fails_the_job(
    engine: Engine, pack: Any, filling: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decompression bomb is detected during decompression."""
    monkeypatch.setattr(f"{FILES}._UNPACKED_ANYWAY", 100_000)
    monkeypatch.setattr(f"{FILES}._PIECE", 10_000)
    bomb = pack(filling * 4_000_000)
    with pytest.raises(JobFault) as caught:
        ingest(engine, bomb)
    assert (caught.value.code, caught.value.message) == (
        "cannot_parse_source",
        "file 'f0' unpacks to more than 200 times its size.",
    )


def test_small_archive_may_unpack_to_far_more(engine: Engine) -> None:
    """Tests often have equal rows, which have high compression ratios."""
    content = GOOD.split(b"\n")[0] + b"\n"
    packed = gzip.compress(content * 20_000)
    assert len(packed) * files.MOST_UNPACKED < len(content) * 20_000
    assert ingest(engine, packed).rows_persisted == 20_000


def test_blank_lines_cost_no_statement(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Millions of blank lines are skipped, but counted as bytes."""
    monkeypatch.setattr(f"{FILES}._PIECE", 1000)
    executed: list[str] = []
    execute = engine.store.execute
    monkeypatch.setattr(engine.store, "execute", lambda sql, *more: executed.append(sql) or execute(sql, *more))
    totals = ingest(engine, b"\n" * 1_000_000 + GOOD)
    assert (totals.rows_persisted, totals.bytes_processed) == (5, 1_000_000 + len(GOOD))
    assert sum(sql.startswith("INSERT INTO staged_rows") for sql in executed) <= 3


def test_file_in_several_pieces_is_read_as_one(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece may end anywhere in an archive."""
    monkeypatch.setattr("airflow_provider_polaris.emulator.engine.objects.BLOB_PIECE", 50)
    assert ingest(engine, gzip.compress(GOOD), GOOD).rows_persisted == 10
    assert engine.rows("events") == sorted([*ROWS, *ROWS])
