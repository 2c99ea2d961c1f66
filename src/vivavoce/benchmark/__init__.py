"""How many conversations a server carries, measured over plain HTTP. Shares no code with the server of this package."""
