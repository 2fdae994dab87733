"""Numbers about pictures and codes, with their intervals."""
