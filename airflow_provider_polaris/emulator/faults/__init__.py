"""Faults that tests inject into the emulator."""
