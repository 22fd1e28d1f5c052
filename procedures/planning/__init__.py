"""How one filing is planned: which requirements are live, what fits them, the least to disclose. Pure."""
