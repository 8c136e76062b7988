"""The journal of the app export, and each habit's effects."""
