# SPDX-License-Identifier: Apache-2.0
"""The schedules of the tables, made with the classes of the tested Airflow."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.runtime.intervals.airflow_runs import author
from tests.runtime.intervals.rows import DAY, START, V3, V32


def cron_data(expression: str, zone: str = "UTC") -> Callable[[], Any]:
    return lambda: author("CronDataIntervalTimetable")(expression, timezone=zone)


def cron_partition(expression: str, zone: str = "UTC", **more: Any) -> Callable[[], Any]:
    return lambda: author("CronPartitionTimetable")(expression, timezone=zone, **more)


def partitioned(mapper: Callable[[], Any] | None = None) -> Callable[[], Any]:
    def make() -> Any:
        more = {} if mapper is None else {"default_partition_mapper": mapper()}
        return author("PartitionedAssetTimetable")(assets=author("Asset")("koalas"), **more)

    return make


def mapper(name: str, **more: Any) -> Callable[[], Any]:
    return lambda: author(name)(**more)


def rollup(upstream: str, window: str, **more: Any) -> Callable[[], Any]:
    return partitioned(
        lambda: author("RollupMapper")(upstream_mapper=author(upstream)(**more), window=author(window)())
    )


def asset_or_time() -> Any:
    asset = [author("Asset")("koalas")]
    time = author("CronDataIntervalTimetable")("0 0 * * *", timezone="UTC")
    if AIRFLOW_VERSION < V3:
        return author("DatasetOrTimeSchedule")(timetable=time, datasets=asset)
    return _asset_schedule()(timetable=time, assets=asset)


def asset_or_plain_cron() -> Any:
    time = author("CronTriggerTimetable")("0 6 * * *", timezone="UTC")
    asset = [author("Asset")("koalas")]
    if AIRFLOW_VERSION < V3:
        return author("DatasetOrTimeSchedule")(timetable=time, datasets=asset)
    return _asset_schedule()(timetable=time, assets=asset)


def _asset_schedule() -> Any:
    from airflow.timetables.assets import AssetOrTimeSchedule

    return AssetOrTimeSchedule if AIRFLOW_VERSION < V32 else author("AssetOrTimeSchedule")


def events() -> Any:
    from airflow.timetables.events import EventsTimetable  # the one of airflow.sdk 3.3.2 can't be serialized

    return EventsTimetable([START + DAY, START + 2 * DAY])


def scheduler_class(module: str, name: str, *arguments: Any, **more: Any) -> Callable[[], Any]:
    """Create a timetable of the scheduler's own class, which a DAG file may contain, too."""
    return lambda: getattr(importlib.import_module(f"airflow.timetables.{module}"), name)(*arguments, **more)


def asset_kind() -> str:
    return "DatasetTriggeredTimetable" if AIRFLOW_VERSION < V3 else "AssetTriggeredTimetable"
