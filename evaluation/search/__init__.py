"""Search over configs: settings are chosen on the tune fold, the result is of the report fold."""
