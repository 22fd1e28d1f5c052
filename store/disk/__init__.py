"""Files that outlast a crash of the machine."""
