"""Measurements against the emulators; see README.md here."""
