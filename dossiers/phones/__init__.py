"""What follows a person to their devices."""
