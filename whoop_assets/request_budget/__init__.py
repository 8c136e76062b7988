"""The shared rate budget of requests to WHOOP: sliding windows, lanes, wait queue, limits stated by WHOOP."""
