"""Connects, disconnects and erases members, and compares their time zones with the setting."""
