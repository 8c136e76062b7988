"""The simulated members, their records and what happens to them."""
