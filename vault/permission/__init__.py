"""Consent: its words, its signed record, its life."""
