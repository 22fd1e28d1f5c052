"""What a token may look like: its one spelling, and the table of kinds. No keys, no clock, no library."""
