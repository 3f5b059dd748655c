"""The files of questions: what kind they are, how they are fetched, and what text is in them."""
