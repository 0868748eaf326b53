# SPDX-License-Identifier: Apache-2.0
"""The emulator opens no outgoing connection."""

from __future__ import annotations

import gzip
import json
import socket

import pytest

from airflow_provider_polaris.emulator.data_loading.load import load_file


@pytest.fixture
def connections(monkeypatch):
    """All addresses that were connected to, or resolved."""
    asked: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        asked.append(arguments[-1])
        raise OSError("no network here")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    return asked


def test_nothing_of_a_whole_life_needs_the_network(make_api, tmp_path, connections, proxy) -> None:
    """Start with a file, upload, jobs, queries, console, faults, restart; DuckDB contacts no proxy either."""
    db = str(tmp_path / "polaris.db")
    for _ in range(2):
        api = make_api(db=db)
        if "a.json.gz" not in [file["name"] for file in api.ok("GET", "/files")["files"]]:
            content = gzip.compress(json.dumps({"timestamp": "2024-06-01T00:10:00Z", "city": "Rome"}).encode())
            api.ok("POST", "/files", files={"file": ("a.json.gz", content)})
        assert api.run(api.upload_job("t", "a.json.gz"))["executionStatus"] == "completed"
        assert api.run(api.rollup(source={"type": "table", "tableName": "t"}))["executionStatus"] == "completed"
        api.query("""SELECT TIME_FORMAT("__time", 'yyyy', 'Asia/Tokyo'), REGEXP_LIKE("city", '^R') FROM "t" """)
        api.count_async("t")
        for path in ("/", "/jobs", "/tables/t", "/counters", "/health"):
            assert api.client.get(f"/__emulator__{path}").status_code == 200
        (tmp_path / "more.csv").write_text("timestamp,n\n2024-06-01T00:00:00Z,1\n")
        load_file(api.app.state.emulator, "more", tmp_path / "more.csv")
        for sql in ("SELECT * FROM 'http://127.0.0.1:1/a.parquet'", 'SELECT * FROM "s3://b/c.csv"', "LOAD httpfs"):
            assert api.call("POST", "/query/sql", {"query": sql})[0] == 400
        api.client.close()
        api.app.state.emulator.close()
    assert (connections, proxy[1]) == ([], [])
