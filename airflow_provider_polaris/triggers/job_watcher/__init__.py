"""Poll the status of jobs for all waiting triggers."""
