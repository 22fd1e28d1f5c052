"""Making the proofs of `vault.proofs` over papers of the vault, and telling how each of them stands."""
