"""Commands that operate the deployment."""
