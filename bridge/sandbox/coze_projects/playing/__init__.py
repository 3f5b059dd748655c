"""How a run is played: scripts, what happens in them, and how that is written to the wire."""
