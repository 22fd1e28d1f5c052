"""Agencies' own software: known by its keys, acting within what it declared, reading what it was granted."""
