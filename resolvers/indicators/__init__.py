"""Figures about the platform itself, for whoever they concern to check."""
