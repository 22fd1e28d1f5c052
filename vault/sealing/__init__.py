"""Keys, envelopes and sealed files: nothing here knows what a paper means."""
