"""Checks that run right before a job is submitted."""
