# SPDX-License-Identifier: Apache-2.0
"""Translate the FROM clause: tables, subqueries, joins and UNNEST."""
