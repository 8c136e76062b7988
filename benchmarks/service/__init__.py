"""The service: webhook deliveries, their latency, and the daily API."""
