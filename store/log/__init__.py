"""The log towards the world: tiles, its beat, witnesses' cosignatures, and everybody's own count in it."""
