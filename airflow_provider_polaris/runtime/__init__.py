# SPDX-License-Identifier: Apache-2.0
"""The task's Airflow runtime: version differences, arguments, run interval, deadline, deferral and failure."""
