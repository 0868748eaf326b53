"""Count rows as a job would read them, for guards, aging and the data sensor."""

from airflow_provider_polaris.counting.counter import Asks, Counter, Purpose
from airflow_provider_polaris.counting.limits import Limits, PolarisGuardUnansweredError

__all__ = ["Asks", "Counter", "Limits", "PolarisGuardUnansweredError", "Purpose"]
