"""Checks of a server that speaks this API, over plain HTTP. They share no code with the server of this package."""
