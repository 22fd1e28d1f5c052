"""What people hand out themselves: codes for one paper, and what a system asked them for and was granted."""
