"""What a citizen does: files, deposits, consents, shares."""
