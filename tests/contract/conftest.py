# SPDX-License-Identifier: Apache-2.0
"""
The vendor's own client against a running emulator, and a checker of what it made of the answers.

The SDK is a referee that we didn't write: it says which fields an answer must have, and which there are.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_polaris.emulator.server import EmulatorServer, RunningEmulator
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.status_machine import Progression

sdk = pytest.importorskip("polaris.sdk.client")
from polaris.sdk.project_api import models  # noqa: E402

#: Keys that answers have and the SDK's models don't, each with its reason.
BEYOND_THE_SDK = {
    # The vendor's sample has it: https://docs.imply.io/polaris/api-ingest-table.
    ("CreateBatchJobRequest", "desiredExecutionStatus"),
    # Druid has it: https://druid.apache.org/docs/latest/api-reference/sql-api.
    ("SqlStatus", "errorDetails"),
}
KOALAS = [
    {"timestamp": "2024-06-01T00:10:00Z", "city": "Berlin", "session_length": 10},
    {"timestamp": "2024-06-01T00:50:00Z", "city": "berlin", "session_length": 30},
    {"timestamp": "2024-06-02T02:00:00Z", "city": "Oslo", "session_length": 7},
]


class Vendor:
    """The vendor's client of one emulator."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self.emulator = emulator
        # Retries would hide a fault of the emulator, and wait.
        self.client = sdk.ProjectClient.from_endpoint(
            emulator.settings.project_id, emulator.base_url, emulator.settings.api_key, retry_total=0, timeout=120
        )

    def call(self, operation: Any, *arguments: Any, **options: Any) -> Any:
        """
        Call an operation of the SDK and check its answer.

        The answer must be what the operation returns on success, and no field of it may be missing or invented.
        """
        answer = self._call(operation, *arguments, **options)[0]
        assert not _is_error(answer), answer.as_dict()
        return answer

    def raw(self, operation: Any, *arguments: Any, **options: Any) -> Any:
        """Return the JSON of a reply instead of the model, after the same checks."""
        return self._call(operation, *arguments, **options)[1]

    def _call(self, operation: Any, *arguments: Any, **options: Any) -> tuple[Any, Any]:
        answers: list[tuple[Any, Any]] = []

        def keep(pipeline_response: Any, deserialized: Any, _: Any) -> None:
            text = pipeline_response.http_response.text()
            answers.append((deserialized, json.loads(text) if text.strip() else None))

        operation(*arguments, cls=keep, **options)
        ((model, raw),) = answers
        check(model, raw)
        return model, raw

    def error(self, operation: Any, *arguments: Any, **options: Any) -> Any:
        """Call an operation that must be rejected, and return the error."""
        answer = self._call(operation, *arguments, **options)[0]
        assert _is_error(answer), answer
        return answer

    def load_koalas(self, table: str = "Koalas Source") -> Any:
        """Create a table as a user of the SDK does: upload a file, ingest it."""
        content = gzip.compress("".join(json.dumps(row) + "\n" for row in KOALAS).encode())
        self.call(self.client.files.upload_file, {"file": ("koalas.json.gz", content)})
        fields = {"timestamp": "string", "city": "string", "session_length": "long"}
        source = models.UploadedJobSourceV2(
            file_list=["koalas.json.gz"],
            input_schema=[models.FieldNameAndDataType(name=name, data_type=kind) for name, kind in fields.items()],
            format_settings=models.JsonFormatSettings(),
        )
        job = self.call(
            self.client.jobs.create_job,
            models.CreateBatchJobRequest(
                source=source,
                target=models.TableJobTargetV2(table_name=table),
                create_table_if_not_exists=True,
                mappings=[
                    mapping("__time", 'TIME_PARSE("timestamp")'),
                    mapping("city", '"city"'),
                    mapping("session_length", '"session_length"'),
                ],
            ),
        )
        return self.call(self.client.jobs.describe_job, job.id)

    def rollup(self, **changes: Any) -> Any:
        """Return the rollup of the vendor's page as a request of the SDK, with changes."""
        options: dict[str, Any] = {
            "source": models.TableJobSourceV2(table_name="Koalas Source"),
            "target": models.TableJobTargetV2(table_name="Koalas Rollup"),
            "create_table_if_not_exists": True,
            "mappings": [
                mapping("city", 'UPPER("city")'),
                mapping("max_session_length", 'MAX("session_length")', is_aggregation=True),
            ],
            **changes,
        }
        return models.CreateBatchJobRequest(**options)

    def submit(self, **changes: Any) -> str:
        """Create a rollup and return its id."""
        return str(self.call(self.client.jobs.create_job, self.rollup(**changes)).id)


def _is_error(answer: Any) -> bool:
    return type(answer).__name__.startswith(("ErrorResponse", "SqlErrorResponse"))


def mapping(name: str, expression: str, **options: Any) -> Any:
    """Return a mapping as the SDK has it."""
    return models.InputToTableSchemaMapping(column_name=name, expression=expression, **options)


def check(model: Any, raw: Any, path: str = "$") -> None:
    """
    Check a model of the SDK against the JSON that it was read from.

    :param model: What the SDK made of it: a model, a list, a dict or a plain value.
    :param raw: The JSON.
    :param path: Where it is in the answer.
    """
    if isinstance(model, list) and isinstance(raw, list):
        assert len(model) == len(raw), f"{path}: {len(raw)} items, of which the SDK read {len(model)}"
        for index, (item, raw_item) in enumerate(zip(model, raw, strict=True)):
            check(item, raw_item, f"{path}[{index}]")
        return
    if not hasattr(model, "_attribute_map"):
        return
    name = type(model).__name__
    if name == "JobHealthV2" and raw["status"] == "warn":
        return  # a defect of the SDK, see test_sdk_jobs.py
    required = {key for key, rules in model._validation.items() if rules.get("required")}
    for attribute, about in model._attribute_map.items():
        value = getattr(model, attribute)
        key = about["key"].replace("\\\\.", ".").replace("\\.", ".")
        assert value is not None or attribute not in required, f"{path}: {name} has no {key!r}"
        if raw.get(key) is not None:
            assert value is not None, f"{path}: the SDK could not read {key!r} of {name}: {raw[key]!r}"
            check(value, raw[key], f"{path}.{key}")
    known = {about["key"].replace("\\\\.", ".").replace("\\.", ".") for about in model._attribute_map.values()}
    unknown = {key for key in raw if key not in known and (name, key) not in BEYOND_THE_SDK}
    assert not unknown, f"{path}: {name} doesn't know {sorted(unknown)}"


@pytest.fixture
def vendor(request: pytest.FixtureRequest, emulator_server: EmulatorServer) -> Iterator[Vendor]:
    """The vendor's client of an emulator with the table 'Koalas Source'; parametrize it for another progression."""
    progression = Progression.parse(getattr(request, "param", "immediate"))
    with emulator_server.emulator(EmulatorSettings(progression=progression)) as emulator:
        vendor = Vendor(emulator)
        try:
            vendor.load_koalas()
            yield vendor
        finally:
            vendor.client.close()
