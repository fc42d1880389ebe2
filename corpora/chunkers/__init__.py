"""Documents cut into passages, one way a module; ``chunker`` says what they give."""
