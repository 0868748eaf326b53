# SPDX-License-Identifier: Apache-2.0
"""Execution of batch jobs: sources, mappings and publication of segments."""
