# SPDX-License-Identifier: Apache-2.0
"""Translate between the package's terms and Druid's; performs no I/O."""
