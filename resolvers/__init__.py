"""GraphQL types and operations: argument to call to type. No query, no rule, no cryptography."""
