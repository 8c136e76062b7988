"""Commands that run the demo and the development server."""
