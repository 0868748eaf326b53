"""Poll tables for data that waiting tasks need."""
