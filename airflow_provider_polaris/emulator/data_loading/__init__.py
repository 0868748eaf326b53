"""Loading of rows from files and from tests into tables."""
