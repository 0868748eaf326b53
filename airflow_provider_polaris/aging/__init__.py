"""The tasks of an age-out: plan, copy, prove, delete; internal, see :mod:`airflow_provider_polaris.task_groups`."""
