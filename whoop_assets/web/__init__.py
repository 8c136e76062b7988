"""The HTTP service: webhooks, consents of members, member pages and the daily API."""

WEBHOOK_PATH = "/webhooks/whoop"
