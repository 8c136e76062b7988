"""One load: which windows, which pages, each record's day, and the write."""
