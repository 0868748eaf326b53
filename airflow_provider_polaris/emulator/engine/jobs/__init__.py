"""Execution of batch jobs: sources, mappings and publication of segments."""
