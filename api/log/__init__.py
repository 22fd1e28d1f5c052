"""The access log towards the world: its addresses, its loops, and what a person takes along of it."""
