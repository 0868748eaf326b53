"""Validation of job specifications."""
