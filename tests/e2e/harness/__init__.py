# SPDX-License-Identifier: Apache-2.0
"""A real Airflow and a local Polaris in processes of their own, and what a test does to them."""
