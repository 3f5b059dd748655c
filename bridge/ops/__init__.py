"""Running it: the command line, logs, checks, and the terminal as a place to talk."""
