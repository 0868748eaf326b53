"""Tables, files and storage policies of the emulated project."""
