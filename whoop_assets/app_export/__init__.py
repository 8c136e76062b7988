"""The app export ("Data Export"): parses, stores and matches it, and fills days that the API does not give."""
