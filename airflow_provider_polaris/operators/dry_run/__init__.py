"""Log what a task would do, without submitting a job."""
