"""What to say next, and why: templates, intents, the five stages. Never touches sound or storage."""
