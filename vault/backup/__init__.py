"""The vault's part of a backup: the sealed files its rows name, and the proof that all of it still opens."""
