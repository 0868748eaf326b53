# SPDX-License-Identifier: Apache-2.0
"""Execution of SQL queries and their result formats."""
