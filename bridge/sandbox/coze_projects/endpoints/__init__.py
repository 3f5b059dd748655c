"""The paths of a project."""
