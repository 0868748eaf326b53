"""Submit a task's job exactly once, across retries, crashes and clears."""
