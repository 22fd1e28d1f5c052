"""What stands before the schema: requests read, operations measured and kept, documents known in advance."""
