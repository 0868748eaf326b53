"""The wire format: requests, errors, names, intervals and identifiers."""
