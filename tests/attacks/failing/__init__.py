"""What goes wrong below the platform, arranged by tests from outside it: the product has no switch for any of it."""
