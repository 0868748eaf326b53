"""Poll for completed jobs that change watched tables."""
