# SPDX-License-Identifier: Apache-2.0
"""
Read the report of a multi-stage query task: progress, totals, error, log; performs no I/O.

Source: druid.apache.org/docs/latest/api-reference/sql-ingestion-api (report), OBSERVED(Druid 27). A report is missing
before a task runs and for a while after it has started, and its stages and counters may be missing, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

#: MSQ error codes, and the health codes of this package with the same meaning. Other codes are kept.
#: Source: druid.apache.org/docs/latest/multi-stage-query/reference#error-codes.
_CODES: Final[Mapping[str, str]] = {
    "CannotParseExternalData": "cannot_parse_source",
    "ColumnNameRestricted": "column_name_restricted",
    "ColumnTypeNotSupported": "column_type_not_supported",
    "InsertCannotBeEmpty": "no_rows_ingested",
    "InsertTimeNull": "null_timestamp",
    "InsertTimeOutOfBounds": "timestamp_out_of_bounds",
    "InvalidNullByte": "invalid_null_byte",
    "QueryNotSupported": "query_not_supported",
    "RowTooLarge": "row_too_large",
    "TooManyBuckets": "too_many_time_buckets",
    "TooManyClusteredByColumns": "too_many_clustered_by_columns",
    "TooManyColumns": "too_many_columns",
    "TooManyInputFiles": "too_many_input_files",
    "TooManyPartitions": "too_many_partitions",
    "TooManyRowsWithSameKey": "too_many_rows_with_same_key",
    "TooManySegmentsInTimeChunk": "too_many_segments_in_time_chunk",
}

#: Phases of a stage that has read all its input.
#: Source: Druid's source, ControllerStagePhase; OBSERVED(Druid 27): RESULTS_READY, FINISHED.
_DONE: Final = frozenset({"RESULTS_READY", "FINISHED"})


def payload_of(report: Any) -> Mapping[str, Any]:
    """
    Return the payload of a report; empty if the answer contains none.

    OBSERVED(Druid 27): while a task starts or ends, the answer is 200 with ``{"error": "Can't find chatHandler ..."}``.

    :param report: The answer of the reports endpoint.
    """
    inner = _mapping(_mapping(report).get("multiStageQuery"))
    return _mapping(inner.get("payload"))


def has_ended(payload: Mapping[str, Any]) -> bool:
    """
    Return whether a report was written after the end of its query.

    :param payload: As :func:`payload_of` returns it.
    """
    return _mapping(payload.get("status")).get("status") in ("SUCCESS", "FAILED")


def progress(payload: Mapping[str, Any]) -> float | None:
    """
    Return the share of the work that is done, 0 to 1; None if the report has no stages.

    Each stage counts the same, because Druid reports no estimate of a later stage's work. The share of a stage is that
    of its sort, or of the input files that it has read.

    :param payload: As :func:`payload_of` returns it.
    """
    stages = payload.get("stages")
    if _mapping(payload.get("status")).get("status") == "SUCCESS":
        return 1.0
    if not isinstance(stages, list) or not stages:
        return None
    counters = _mapping(payload.get("counters"))
    shares = []
    for stage in stages:
        stage = _mapping(stage)
        workers = _mapping(counters.get(str(stage.get("stageNumber"))))
        done = stage.get("phase") in _DONE
        shares.append(1.0 if done else _share([_mapping(worker) for worker in workers.values()]))
    return sum(shares) / len(shares)


def metrics(payload: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the totals of a job; empty if the report has no counters.

    ``numRowsProcessed`` are the rows that the first stages read, ``numRowsPersisted`` those that the last stage pushed.
    A number is missing if no worker has reported it.

    :param payload: As :func:`payload_of` returns it.
    """
    counters = _mapping(payload.get("counters"))
    inputs = {
        str(_mapping(stage).get("stageNumber")): _inputs(stage)
        for stage in payload.get("stages") or ()
        if isinstance(stage, Mapping)
    }
    totals: dict[str, int] = {}
    for number, workers in counters.items():
        for worker in _mapping(workers).values():
            for position in inputs.get(str(number), ()):
                for key, name in (("rows", "numRowsProcessed"), ("bytes", "numBytesProcessed")):
                    _add(totals, name, _mapping(_mapping(worker).get(f"input{position}")).get(key))
            pushed = _mapping(_mapping(worker).get("segmentGenerationProgress"))
            _add(totals, "numRowsPersisted", [pushed["rowsPushed"]] if "rowsPushed" in pushed else None)
    return dict(totals)


def error_of(payload: Mapping[str, Any], message: Any) -> tuple[str | None, str | None]:
    """
    Return code and message of a failed task; None for what is unknown.

    >>> error_of({}, "InsertCannotBeEmpty: No rows to insert for dataSource [t]")
    ('no_rows_ingested', 'No rows to insert for dataSource [t]')

    :param payload: As :func:`payload_of` returns it; may be empty.
    :param message: ``errorMsg`` of the task's status, which has the code in front.
    """
    report = _mapping(_mapping(payload.get("status")).get("errorReport"))
    error = _mapping(report.get("error"))
    code, text = error.get("errorCode"), error.get("errorMessage")
    if not isinstance(code, str) and isinstance(message, str):
        head, colon, rest = message.partition(": ")
        is_code = head.isidentifier() and head[:1].isupper()
        code, text = (head, rest if colon else None) if is_code else (None, message)
    return (
        _CODES.get(code, code) if isinstance(code, str) and code else None,
        text if isinstance(text, str) and text else None,
    )


def log_entries(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    Return the error and the warnings of a report as log entries.

    :param payload: As :func:`payload_of` returns it.
    """
    status = _mapping(payload.get("status"))
    entries = [(status.get("errorReport"), "error")]
    entries += [(report, "warn") for report in status.get("warnings") or ()]
    return [
        {"timestamp": None, "healthStatus": health, "code": code, "message": text}
        for report, health in entries
        if isinstance(report, Mapping)
        for code, text in (error_of({"status": {"errorReport": report}}, None),)
    ]


def _inputs(stage: Mapping[str, Any]) -> Iterator[int]:
    """Yield the positions of the inputs that are no results of earlier stages."""
    listed = _mapping(stage.get("definition")).get("input")
    for position, each in enumerate(listed if isinstance(listed, list) else ()):
        if _mapping(each).get("type") != "stage":
            yield position


def _share(workers: list[Mapping[str, Any]]) -> float:
    shares = []
    for worker in workers:
        digest = _mapping(worker.get("sortProgress")).get("progressDigest")
        read = _mapping(worker.get("input0"))
        files, every = _sum(read.get("files")), _sum(read.get("totalFiles"))
        if isinstance(digest, (int, float)) and not isinstance(digest, bool) and digest > 0:
            shares.append(min(1.0, float(digest)))
        elif files is not None and every:
            # Reading is half of a stage that also sorts.
            shares.append(min(1.0, files / every) / 2)
        else:
            shares.append(0.0)
    return sum(shares) / len(shares) if shares else 0.0


def _add(totals: dict[str, int], name: str, numbers: Any) -> None:
    count = _sum(numbers)
    if count is not None:
        totals[name] = totals.get(name, 0) + count


def _sum(numbers: Any) -> int | None:
    if not isinstance(numbers, list) or not all(type(each) is int for each in numbers):
        return None
    return sum(numbers)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
