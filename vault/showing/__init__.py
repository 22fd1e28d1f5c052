"""Papers made small enough to be recognised by, and new from the first byte to the last."""
