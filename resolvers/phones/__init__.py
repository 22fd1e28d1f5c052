"""What apps on phones follow: what waits, what changed, where to wake them."""
