"""Creation, progress and completion of the emulated jobs."""
