"""HTTP routes. They know the wire and the core, and never which engine answers."""
