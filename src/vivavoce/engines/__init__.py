"""Adapters to models, and the pool of processes that holds the blocking ones."""
