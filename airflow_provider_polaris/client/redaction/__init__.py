"""Mask secrets in every text that leaves the client."""
