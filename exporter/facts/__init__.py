"""Daily facts, keyed by identity: the store, the part of it that is in memory, and what the store knows of people."""
