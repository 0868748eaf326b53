"""Cancel the job of a task that was killed while its trigger waited."""
