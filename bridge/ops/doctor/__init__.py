"""`bridge doctor`: every setting is tried live, one line each, with the cure."""
