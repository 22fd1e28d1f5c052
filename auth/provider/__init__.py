"""Signing in by an identity provider: its protocol, and what is remembered while somebody is away at it."""
