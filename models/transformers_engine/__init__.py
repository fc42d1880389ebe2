"""What ``models.transformers`` is made of: loading, tokens, caches, batches."""
