"""Typed SQL values and the stored forms of measures."""
