# SPDX-License-Identifier: Apache-2.0
"""The store: documents, blobs, transactions, snapshots, and files and statements that it rejects."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_polaris.emulator.engine import Store, StoreError


def test_document_written_twice_keeps_its_place_in_the_order(store: Store) -> None:
    """An update doesn't change the order."""
    for key in ("b", "a", "c"):
        store.put_document("job", key, {"id": key, "status": "pending"})
    store.put_document("job", "b", {"id": "b", "status": "running"})

    assert [doc["id"] for doc in store.documents("job")] == ["b", "a", "c"]
    assert store.get_document("job", "b") == {"id": "b", "status": "running"}


def test_document_that_is_added_comes_last_and_can_be_changed(store: Store) -> None:
    """Added documents and written ones have one order."""
    store.put_document("job", "b", {"id": "b"})
    store.add_document("job", "a", {"id": "a"})
    store.put_document("job", "c", {"id": "c"})
    store.put_document("job", "a", {"id": "a", "status": "running"})

    assert store.documents("job") == [{"id": "b"}, {"id": "a", "status": "running"}, {"id": "c"}]


def test_document_of_another_kind_with_the_same_key_is_another_document(store: Store) -> None:
    """Kinds don't share keys."""
    store.put_document("job", "x", {"kind": "job"})
    store.put_document("file", "x", {"kind": "file"})
    store.delete_document("job", "x")

    assert store.get_document("job", "x") is None
    assert store.documents("file") == [{"kind": "file"}]


def test_document_with_nan_is_refused(store: Store) -> None:
    """NaN isn't JSON; clients could not parse it."""
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        store.put_document("job", "x", {"value": float("nan")})


def test_blob_replaced_and_deleted_reads_as_last_written(store: Store) -> None:
    """A blob has one content, which may be any bytes."""
    store.put_blob("f", b"old")
    store.put_blob("f", bytes(range(256)))
    assert store.open_blob("f").read() == bytes(range(256))

    store.delete_blob("f")
    assert store.open_blob("f") is None


class Recorded(io.BytesIO):
    """A file that records the size of each read."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.sizes: list[int | None] = []

    def read(self, size: int | None = -1) -> bytes:
        self.sizes.append(size)
        return super().read(size)


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 20, 105])
def test_blob_of_a_file_is_written_and_read_in_pieces(store: Store, length: int, monkeypatch: Any) -> None:
    """At most one piece is in memory; the content is unchanged, independent of its length."""
    monkeypatch.setattr("airflow_provider_polaris.emulator.engine.objects.BLOB_PIECE", 10)
    content = bytes(range(length))
    store.put_blob("f", b"z" * 200)
    store.put_blob("other", b"y" * 200)
    file = Recorded(content)
    store.put_blob("f", file)
    assert set(file.sizes) == {10}
    assert max((len(data) for (data,) in store.execute("SELECT data FROM polaris_blob")), default=0) <= 10
    blob = store.open_blob("f")
    assert blob is not None
    assert blob.read() == content
    store.delete_blob("f")
    assert store.open_blob("f") is None
    other = store.open_blob("other")
    assert other is not None
    assert other.read() == b"y" * 200


def test_blob_of_an_older_version_is_read(store: Store) -> None:
    """An older blob is one piece of any length."""
    store.execute("INSERT INTO polaris_blob VALUES ('f', ?)", (b"x" * 20_000_000,))
    blob = store.open_blob("f")
    assert blob is not None
    assert blob.read() == b"x" * 20_000_000


def test_transaction_left_by_an_exception_changes_nothing(store: Store) -> None:
    """All or nothing, and the store works afterwards."""
    store.put_document("job", "a", {"n": 1})

    def work() -> None:
        with store.transaction():
            store.put_document("job", "a", {"n": 2})
            store.put_blob("f", b"x")
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert store.get_document("job", "a") == {"n": 1}
    assert store.open_blob("f") is None


def test_transaction_with_a_swallowed_inner_failure_refuses_to_commit(store: Store) -> None:
    """A caller that catches a job's failure too early must not commit half of the job."""

    def work() -> None:
        with store.transaction():
            store.put_document("job", "a", {})
            with suppress(KeyError), store.transaction():
                store.put_document("job", "b", {})
                raise KeyError

    with pytest.raises(RuntimeError) as caught:
        work()
    assert str(caught.value) == "an inner transaction failed: let its exception leave the outer one, too"
    assert store.documents("job") == []


def test_transaction_after_a_failed_statement_rolls_back(store: Store) -> None:
    """DuckDB's own errors end the transaction like any other exception."""

    def work() -> None:
        with store.transaction():
            store.put_document("job", "a", {})
            store.execute("SELECT * FROM nowhere")

    with pytest.raises(duckdb.CatalogException):
        work()
    assert store.documents("job") == []
    store.put_document("job", "b", {})


def test_snapshot_sees_what_was_committed_when_it_began(store: Store) -> None:
    """A reader doesn't wait for a writer, and doesn't read its partial changes."""
    store.put_document("job", "a", {"n": 1})
    with store.snapshot():
        writer = threading.Thread(target=store.put_document, args=("job", "a", {"n": 2}))
        writer.start()
        writer.join(120)
        assert not writer.is_alive()
        assert store.get_document("job", "a") == {"n": 1}
    assert store.get_document("job", "a") == {"n": 2}


def test_snapshot_inside_a_transaction_sees_its_changes(store: Store) -> None:
    """A thread reads its own uncommitted writes."""
    with store.transaction():
        store.put_document("job", "a", {"n": 1})
        with store.snapshot():
            assert store.get_document("job", "a") == {"n": 1}


def test_snapshot_refuses_a_transaction(store: Store) -> None:
    """A snapshot is read-only; a write would apply to another state than the one that is read."""
    with store.snapshot(), pytest.raises(RuntimeError) as caught, store.transaction():
        pass
    assert str(caught.value) == "a snapshot is read-only; leave it before starting a transaction"


def test_transactions_of_many_threads_lose_no_update(store: Store) -> None:
    """Reading, adding one and writing in a transaction is safe from any thread."""
    store.put_document("counter", "n", {"n": 0})

    def add() -> None:
        for _ in range(10):
            with store.transaction():
                doc = store.get_document("counter", "n")
                assert doc is not None
                store.put_document("counter", "n", {"n": doc["n"] + 1})

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert store.get_document("counter", "n") == {"n": 40}


def test_store_reopened_has_everything(tmp_path: Path) -> None:
    """A file keeps documents, their order and blobs."""
    path = str(tmp_path / "polaris.duckdb")
    store = Store(path)
    store.put_document("job", "b", {"id": "b"})
    store.put_document("job", "a", {"id": "a"})
    store.put_blob("f", b"\0\1")
    store.close()
    store.close()

    again = Store(path)
    assert [doc["id"] for doc in again.documents("job")] == ["b", "a"]
    assert again.open_blob("f").read() == b"\0\1"
    again.close()


def test_store_on_somebody_elses_database_says_so(tmp_path: Path) -> None:
    """The emulator doesn't add its tables to a foreign database."""
    path = str(tmp_path / "other.duckdb")
    other = duckdb.connect(path)
    other.execute("CREATE TABLE mine (a INTEGER)")
    other.close()
    with pytest.raises(StoreError) as caught:
        Store(path)
    assert str(caught.value) == (
        f"database {path!r} does not belong to the emulator: it holds other tables. "
        "Choose a file that doesn't exist yet."
    )


def test_store_that_is_open_already_says_so(tmp_path: Path) -> None:
    """Two emulators on one file would not read each other's transactions; the first keeps working."""
    path = str(tmp_path / "polaris.duckdb")
    first = Store(path)
    with pytest.raises(StoreError) as caught:
        Store(path)
    assert str(caught.value).startswith(f"database {path!r} can't be opened: ")
    first.put_document("job", "a", {})
    first.close()


def test_store_of_another_format_says_so(tmp_path: Path) -> None:
    """A file of another version is rejected."""
    path = str(tmp_path / "polaris.duckdb")
    store = Store(path)
    store.execute("UPDATE polaris_format SET format = 99")
    store.close()
    with pytest.raises(StoreError) as caught:
        Store(path)
    assert str(caught.value) == (
        f"database {path!r} has format 99, and this emulator reads format 2. "
        "Use the version of the emulator that wrote it, or choose a file that doesn't exist yet."
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM read_csv('{secret}')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/other.duckdb'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET TimeZone = 'America/New_York'",
    ],
)
def test_statement_that_reaches_out_of_the_database_is_refused(store: Store, tmp_path: Path, sql: str) -> None:
    """No SQL can use files, extensions or settings."""
    secret = tmp_path / "secret"
    secret.write_text("key")
    with pytest.raises(duckdb.Error):
        store.execute(sql.format(secret=secret, folder=tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret"]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_store_works_in_utc_whatever_the_machine_is_set_to(
    zone: str, monkeypatch: pytest.MonkeyPatch, open_engine: Callable[[str], Any], tmp_path: Path
) -> None:
    """Sessions of the store and its snapshots use UTC."""
    monkeypatch.setenv("TZ", zone)
    store = open_engine(str(tmp_path / "polaris.duckdb")).store
    assert store.execute("SELECT current_setting('TimeZone')") == [("UTC",)]
    with store.snapshot() as execute:
        assert execute("SELECT current_setting('TimeZone')", ()).fetchall() == [("UTC",)]
