"""The tasks of an age-out: plan, copy, prove, delete."""
