# SPDX-License-Identifier: Apache-2.0
"""A real Airflow and a local Polaris in separate processes, and the actions of tests on them."""
