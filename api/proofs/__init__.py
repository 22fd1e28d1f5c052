"""Proofs people carry away, towards whoever is shown one: what verifiers fetch, and the page that judges for them."""
