# SPDX-License-Identifier: Apache-2.0
"""Our specs against the vendor's own request models: both must serialize the same job to the same JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from polaris.sdk.project_api import models as sdk

from airflow_provider_polaris.jobs.spec import job_spec as ours
from airflow_provider_polaris.jobs.spec import sources as src
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.jobs.validation.rules import check_spec

DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
TYPED = "2022-06-01T00:00:00Z/2022-06-01T08:00:00Z"
SAMPLE = json.loads((Path(__file__).parents[1] / "samples" / "jobs" / "table_to_table_request.json").read_text())[
    "body"
]

PAIRS = {
    "batch with nothing but the required": (
        ours.BatchJobSpec(source=ours.TableSource(table_name="a"), target=ours.TableTarget(table_name="b")),
        sdk.CreateBatchJobRequest(
            source=sdk.TableJobSourceV2(table_name="a"), target=sdk.TableJobTargetV2(table_name="b")
        ),
    ),
    "vendor page, append": (
        ours.BatchJobSpec(
            source=ours.TableSource(table_name="Koalas Source"),
            target=ours.TableTarget(table_name="Koalas Rollup"),
            create_table_if_not_exists=True,
            mappings=(
                ours.ColumnMapping(column_name="city", expression='UPPER("city")'),
                ours.ColumnMapping(column_name="longest", expression='MAX("session_length")', is_aggregation=True),
            ),
        ),
        sdk.CreateBatchJobRequest(
            source=sdk.TableJobSourceV2(table_name="Koalas Source"),
            target=sdk.TableJobTargetV2(table_name="Koalas Rollup"),
            create_table_if_not_exists=True,
            mappings=[
                sdk.InputToTableSchemaMapping(column_name="city", expression='UPPER("city")'),
                sdk.InputToTableSchemaMapping(
                    column_name="longest", expression='MAX("session_length")', is_aggregation=True
                ),
            ],
        ),
    ),
    "replace, every field": (
        ours.BatchJobSpec(
            source=ours.TableSource(table_name="events", interval=TYPED),
            target=ours.TableTarget(
                table_name="rollup", intervals=(TYPED, "2022-06-01/2022-06-09", "2015-07-01/P100D")
            ),
            context={"sqlTimeZone": "Etc/UTC", "deep": {"list": [1, 2.5, None, True]}},
            clustering_columns=("city", "session"),
            filter_expression="\"city\" <> ''",
            ingestion_mode="replace",
            mappings=(ours.ColumnMapping(column_name="city", expression='"city"', is_aggregation=False),),
            max_parse_exceptions=0,
            partitioned_by=Granularity.EIGHT_HOUR.value,
            replace_all=False,
        ),
        sdk.CreateBatchJobRequest(
            source=sdk.TableJobSourceV2(table_name="events", interval=TYPED),
            target=sdk.TableJobTargetV2(
                table_name="rollup", intervals=[TYPED, "2022-06-01/2022-06-09", "2015-07-01/P100D"]
            ),
            context={"sqlTimeZone": "Etc/UTC", "deep": {"list": [1, 2.5, None, True]}},
            clustering_columns=["city", "session"],
            filter_expression="\"city\" <> ''",
            ingestion_mode="replace",
            mappings=[sdk.InputToTableSchemaMapping(column_name="city", expression='"city"', is_aggregation=False)],
            max_parse_exceptions=0,
            partitioned_by=sdk.PartitioningGranularity.EIGHT_HOUR,
        ),
    ),
    "replace all, empty lists": (
        ours.BatchJobSpec(
            source=ours.TableSource(table_name="a", interval=DAY),
            target=ours.TableTarget(table_name="b", intervals=()),
            clustering_columns=(),
            ingestion_mode="replace",
            replace_all=True,
        ),
        sdk.CreateBatchJobRequest(
            source=sdk.TableJobSourceV2(table_name="a", interval=DAY),
            target=sdk.TableJobTargetV2(table_name="b", intervals=[]),
            clustering_columns=[],
            ingestion_mode=sdk.IngestionModeV2.REPLACE,
            replace_all=True,
        ),
    ),
    "delete intervals": (
        ours.DeleteDataJobSpec(target=ours.TableTarget(table_name="t", intervals=(DAY,)), soft_delete=True),
        sdk.CreateDeleteDataJobRequest(target=sdk.TableJobTargetV2(table_name="t", intervals=[DAY]), soft_delete=True),
    ),
    "delete all": (
        ours.DeleteDataJobSpec(target=ours.TableTarget(table_name="t"), delete_all=True, versions=("v1",)),
        sdk.CreateDeleteDataJobRequest(target=sdk.TableJobTargetV2(table_name="t"), delete_all=True, versions=["v1"]),
    ),
    "restore": (
        ours.RestoreDataJobSpec(target=ours.TableTarget(table_name="t"), interval=DAY, versions=("v1", "v2")),
        sdk.CreateRestoreDataJobRequest(
            target=sdk.TableJobTargetV2(table_name="t"), interval=DAY, versions=["v1", "v2"]
        ),
    ),
    "drop": (
        ours.DropTableJobSpec(target=ours.TableTarget(table_name="t"), soft_delete=True),
        sdk.CreateDropTableJobRequest(target=sdk.TableJobTargetV2(table_name="t"), soft_delete=True),
    ),
    "sql": (
        ours.SqlJobSpec(
            query='INSERT INTO "t" SELECT * FROM "s" WHERE "city" = ? PARTITIONED BY DAY',
            context={"sqlTimeZone": None},
            create_table_if_not_exists=True,
            parameters=(ours.SqlParameter(type="VARCHAR", value="Köln"), ours.SqlParameter(type="BIGINT", value=3)),
        ),
        sdk.CreateSqlJobRequest(
            query='INSERT INTO "t" SELECT * FROM "s" WHERE "city" = ? PARTITIONED BY DAY',
            context={"sqlTimeZone": None},
            create_table_if_not_exists=True,
            parameters=[sdk.SqlParameter(type="VARCHAR", value="Köln"), sdk.SqlParameter(type="BIGINT", value=3)],
        ),
    ),
}

FORMATS = {
    "nd-json": (src.JsonFormat(), sdk.JsonFormatSettings()),
    "csv": (src.CsvFormat(), sdk.CsvFormatSettings()),
    "csv, every field": (
        src.CsvFormat(columns=("a", "b"), delimiter="\t", list_delimiter="|", skip_header_rows=1),
        sdk.CsvFormatSettings(columns=["a", "b"], delimiter="\t", list_delimiter="|", skip_header_rows=1),
    ),
    "orc": (src.OrcFormat(), sdk.OrcFormatSettings()),
    "parquet": (
        src.ParquetFormat(binary_as_string=True, flatten_spec={"fields": []}),
        sdk.ParquetFormatSettings(binary_as_string=True, flatten_spec={"fields": []}),
    ),
    "avro": (
        src.AvroFormat(reader_schema={"type": "record"}),
        sdk.AvroOcfFormatSettings(schema={"type": "record"}),
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_spec_serializes_as_the_vendors_model_does(case: str) -> None:
    """The same job gives the same JSON, defaults included."""
    mine, theirs = PAIRS[case]

    assert mine.to_wire() == theirs.serialize()


@pytest.mark.parametrize("case", PAIRS)
def test_spec_read_back_from_the_vendors_json_is_the_same_spec(case: str) -> None:
    """The JSON of the vendor's model is parsed into the spec that writes it."""
    mine, theirs = PAIRS[case]

    assert ours.parse_spec(theirs.serialize()) == mine


@pytest.mark.parametrize("case", FORMATS)
def test_uploaded_source_serializes_as_the_vendors_model_does(case: str) -> None:
    """File sources are equal, too, with each format's own settings and defaults."""
    mine, theirs = FORMATS[case]
    fields = {"name": "when", "data_type": "timestamp"}
    our_source = ours.UploadedSource(
        file_list=("a.json",), input_schema=(ours.InputField(**fields),), format_settings=mine
    )
    their_source = sdk.UploadedJobSourceV2(
        file_list=["a.json"], input_schema=[sdk.FieldNameAndDataType(**fields)], format_settings=theirs
    )
    target = {"table_name": "t"}

    wire = ours.BatchJobSpec(source=our_source, target=ours.TableTarget(**target)).to_wire()

    assert wire == sdk.CreateBatchJobRequest(source=their_source, target=sdk.TableJobTargetV2(**target)).serialize()
    assert ours.parse_spec(wire).to_wire() == wire


def test_sample_request_of_the_vendor_equals_what_its_sdk_would_send() -> None:
    """The documentation's request, parsed and written, is the SDK's request for the same job: itself plus defaults."""
    theirs = sdk.CreateBatchJobRequest(
        source=sdk.TableJobSourceV2(table_name=SAMPLE["source"]["tableName"]),
        target=sdk.TableJobTargetV2(table_name=SAMPLE["target"]["tableName"]),
        create_table_if_not_exists=SAMPLE["createTableIfNotExists"],
        mappings=[sdk.InputToTableSchemaMapping.deserialize(mapping) for mapping in SAMPLE["mappings"]],
    ).serialize()
    spec = ours.parse_spec(SAMPLE)

    check_spec(spec)
    assert spec.to_wire() == theirs
    assert spec.to_wire() == {
        **SAMPLE,
        "source": {**SAMPLE["source"], "interval": Interval.ETERNITY.to_wire()},
        "ingestionMode": "append",
        "maxParseExceptions": 2147483647,
        "replaceAll": False,
    }


def test_null_parameter_is_sent_where_the_sdk_drops_it() -> None:
    """SQL's NULL reaches Polaris as a value; the SDK omits a field that its own schema requires."""
    assert ours.SqlParameter(type="VARCHAR", value=None).to_wire() == {"type": "VARCHAR", "value": None}
    assert sdk.SqlParameter(type="VARCHAR", value=None).serialize() == {"type": "VARCHAR"}
