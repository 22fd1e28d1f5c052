"""What the vault keeps about one person, page by page, for handing all of it over to them."""
