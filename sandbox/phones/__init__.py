"""The phones of the demo world, and what wakes them."""
