"""What goes over the wire besides GraphQL: hardened answers, pages, and the shield around everything."""
