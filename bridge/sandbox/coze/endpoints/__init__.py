"""The endpoints of the emulated API, one file for each resource, and how their input is read."""
