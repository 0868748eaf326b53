# SPDX-License-Identifier: Apache-2.0
"""Airflow connections of both types: their forms, how they are read, their test, and their links."""
