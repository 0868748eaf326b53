"""A local Imply Polaris for tests and experiments: the wire format of the service over DuckDB."""
