"""Translation of Druid SQL queries and expressions to DuckDB SQL."""
