"""Proofs people carry away: attestations on paper, credentials in an app, and what says whether they still hold."""
