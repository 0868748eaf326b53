# SPDX-License-Identifier: Apache-2.0
"""Triggers that wait for jobs and data, and their watchers."""
