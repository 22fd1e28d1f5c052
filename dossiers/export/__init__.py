"""Everything kept about one person, in one file for them (Law on Personal Data Protection 91/2025/QH15)."""
