"""Poll schedule, connection settings and request threads that all watchers share."""
