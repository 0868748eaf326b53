"""A Polaris that runs on this machine: the wire format of the service over DuckDB, for tests and trying things out."""
