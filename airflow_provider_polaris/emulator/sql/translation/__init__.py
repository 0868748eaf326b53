# SPDX-License-Identifier: Apache-2.0
"""Translation of Druid SQL queries and expressions to DuckDB SQL."""
