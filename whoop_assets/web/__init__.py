"""The HTTP service: it receives WHOOP's webhooks, and members' consents where there is no browser, and gives
daily rows to readers."""
