"""Stored tables and their segments."""
