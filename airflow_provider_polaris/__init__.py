# SPDX-License-Identifier: Apache-2.0
"""Apache Airflow provider for Imply Polaris. This module holds the version and imports nothing."""

__version__ = "0.2.0"
