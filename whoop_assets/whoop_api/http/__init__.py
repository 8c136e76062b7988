"""The HTTP transport: every request with its token, budget, retries and limits on time and size."""
