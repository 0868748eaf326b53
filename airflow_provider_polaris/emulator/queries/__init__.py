"""Execution of SQL queries and their result formats."""
