# SPDX-License-Identifier: Apache-2.0
"""Druid SQL: parse expressions, build rollup mappings, render a spec as a statement, and derive column lineage."""
