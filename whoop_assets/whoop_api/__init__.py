"""The WHOOP API: client, tokens, models, limits, errors. HTTP, no SQL: tokens and budget are given to it."""
