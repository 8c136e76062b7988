"""The inbox of webhook events: storing, retrying and acknowledging them."""
