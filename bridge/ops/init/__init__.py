"""`bridge init`: ask for what the bridge needs, try each answer at once, and write `.env`."""
