"""Rules that a job must meet before it is sent."""
