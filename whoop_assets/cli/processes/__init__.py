"""Child processes of the commands."""
