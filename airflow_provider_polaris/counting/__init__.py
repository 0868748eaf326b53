"""Count rows as a job would read them, for guards, aging and the data sensor."""

from airflow_provider_polaris.counting.counter import Counter, Purpose
from airflow_provider_polaris.counting.limits import Limits, PolarisGuardUnansweredError

__all__ = ["Counter", "Limits", "PolarisGuardUnansweredError", "Purpose"]
