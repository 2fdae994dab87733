"""Our cells beside the authors' panels."""
