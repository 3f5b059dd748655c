"""The store: what happened is written here before the next outside act."""
