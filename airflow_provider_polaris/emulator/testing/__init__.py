"""The interface of the emulator for tests."""
