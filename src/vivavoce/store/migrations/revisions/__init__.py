"""The revisions, in order. `store.migrations` says how another is written."""
