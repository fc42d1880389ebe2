"""What ``models.openai`` and ``models.openai_embedder`` are made of: requests, replies, retries."""
