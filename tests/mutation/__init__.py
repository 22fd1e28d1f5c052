"""Wrong lines put into auth, vault and the tree one at a time, to see whether the tests notice."""
