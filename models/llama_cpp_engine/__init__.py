"""What ``models.llama_cpp`` is made of: its tokens, and its keys and values."""
