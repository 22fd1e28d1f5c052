"""What officers do at the one-stop desk (bộ phận một cửa) with a dossier of their agency."""
