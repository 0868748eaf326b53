# SPDX-License-Identifier: Apache-2.0
"""Triggers that wait for Polaris jobs and data, and their watchers."""
