"""One process: how it serves, and the commands that serve nothing."""
