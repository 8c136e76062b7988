"""The schema's history: one file per released change, applied by `whoop-assets db upgrade`."""
