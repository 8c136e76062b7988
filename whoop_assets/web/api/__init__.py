"""The daily API: daily rows and the state of today's recovery, over HTTP, for readers with keys.

It only reads.
"""
