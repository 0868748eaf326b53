"""Refuse a job that would lose data, before it is sent."""

from airflow_provider_polaris.counting.limits import PolarisGuardUnansweredError
from airflow_provider_polaris.guards.options import GuardOptions
from airflow_provider_polaris.guards.source import GuardDecision, SourceGuards

__all__ = ["GuardDecision", "GuardOptions", "PolarisGuardUnansweredError", "SourceGuards"]
