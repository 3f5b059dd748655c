"""What differs between databases, and nothing of what is kept in them; imports none of the store."""
