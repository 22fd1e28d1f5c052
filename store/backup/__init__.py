"""A backup: each database as of one moment, files with their hashes, and a signed manifest over all of it."""
