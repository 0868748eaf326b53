# SPDX-License-Identifier: Apache-2.0
"""Links to job and table."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.links import polaris as links


@pytest.mark.parametrize(
    ("link", "name", "key"),
    [
        (links.PolarisJobLink(), "Polaris Job", "polaris_job_url"),
        (links.PolarisTableLink(), "Polaris Table", "polaris_table_url"),
    ],
)
def test_link_has_the_name_and_xcom_key_that_users_know(link, name, key):
    """Button and XCom key are stored data: they never change."""
    assert (link.name, link.xcom_key) == (name, key)


def test_link_pushed_url_is_returned(monkeypatch):
    """The URL is the one that the task pushed, for that task instance."""
    asked = []

    def read(ti_key, key):
        asked.append((ti_key, key))
        return "https://acme.app.imply.io/"

    monkeypatch.setattr(links, "read_xcom", read)

    assert links.PolarisJobLink().get_link(None, ti_key="the task") == "https://acme.app.imply.io/"
    assert asked == [("the task", "polaris_job_url")]


@pytest.mark.parametrize("value", [None, 5, {"url": "x"}], ids=["nothing", "number", "object"])
def test_link_without_a_url_is_empty(monkeypatch, value):
    """A task that pushed nothing, or a value that is no URL, has no link."""
    monkeypatch.setattr(links, "read_xcom", lambda ti_key, key: value)

    assert links.PolarisJobLink().get_link(None, ti_key="the task") == ""


def test_link_unreadable_xcom_is_empty_and_logged(monkeypatch, caplog):
    """A link never fails the page or the task; the log states why there is none."""

    def broken(ti_key, key):
        raise RuntimeError("no database")

    monkeypatch.setattr(links, "read_xcom", broken)

    assert links.PolarisTableLink().get_link(None, ti_key="the task") == ""
    assert caplog.messages == [
        "Link 'Polaris Table' has no URL: XCom 'polaris_table_url' can't be read: RuntimeError('no database')."
    ]


def test_link_reads_airflows_xcom_of_that_task_instance(monkeypatch):
    """The look-up uses Airflow's XCom class of the running version."""

    class XCom:
        @staticmethod
        def get_value(*, ti_key, key):
            return {("the task", "polaris_table_url"): "https://acme.app.imply.io/"}[ti_key, key]

    monkeypatch.setattr("airflow.providers.common.compat.sdk.XCom", XCom, raising=False)

    assert links.PolarisTableLink().get_link(None, ti_key="the task") == "https://acme.app.imply.io/"
