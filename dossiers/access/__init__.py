"""What agencies' systems ask people for outside any dossier here, and what people answer."""
