"""What the law wants done once a permission has ended."""
