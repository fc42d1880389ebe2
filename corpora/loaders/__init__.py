"""One module for each kind of file; ``loaded`` says what they give."""
