"""The once-only promise in figures, recounted from what was stored and never from what was planned."""
