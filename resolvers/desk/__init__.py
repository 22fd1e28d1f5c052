"""What officers do at the one-stop desk: move dossiers, open and digitise papers."""
