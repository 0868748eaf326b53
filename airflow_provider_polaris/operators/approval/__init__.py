# SPDX-License-Identifier: Apache-2.0
"""Ask a person in Airflow's UI whether a job may be submitted (Airflow 3.1 and newer)."""
