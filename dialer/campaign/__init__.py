"""Which call, when, and how many at once. Never touches sound or words."""
