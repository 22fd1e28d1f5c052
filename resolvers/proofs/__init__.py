"""Proofs towards people and apps: making them, and the words for what is found of them."""
