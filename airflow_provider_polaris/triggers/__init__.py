"""Triggers that wait for Polaris jobs and data, and their watchers."""
