# SPDX-License-Identifier: Apache-2.0
"""``python -m airflow_provider_polaris``: the commands of ``airflow polaris``, on every version of Airflow."""

from airflow_provider_polaris.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
