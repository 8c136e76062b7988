"""Commands that list members and API readers, and remove them."""
