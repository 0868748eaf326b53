"""Getting a task its job, exactly once; see :func:`~airflow_provider_polaris.submission.protocol.submit_once`."""

from airflow_provider_polaris.submission.identity import TaskIdentity
from airflow_provider_polaris.submission.protocol import Outcome, Submitted, submit_once
from airflow_provider_polaris.submission.record import RECORD_KEY, PolarisRecordError, Store

__all__ = ["RECORD_KEY", "Outcome", "PolarisRecordError", "Store", "Submitted", "TaskIdentity", "submit_once"]
