"""Sensors that wait for Polaris jobs and data."""
