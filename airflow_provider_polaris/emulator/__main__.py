# SPDX-License-Identifier: Apache-2.0
"""Run the emulator with ``python -m airflow_provider_polaris.emulator``."""

from airflow_provider_polaris.emulator.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
