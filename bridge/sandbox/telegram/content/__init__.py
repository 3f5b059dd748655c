"""What messages are made of, checked and rewritten as the server does. Pure."""
