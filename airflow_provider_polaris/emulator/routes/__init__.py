"""The paths of the emulated API, a module for each resource."""
