"""Asset checks. They name members by their WHOOP user id; none blocks a load."""
