"""Properties of a table: description, storage policy, and rules for its name."""
