"""What proves what in a dossier: papers deposited, registers asked, evidence pinned, asks made."""
