"""Viva Voce: an open server for speech and text chat, on your own machine, with your own models."""

__version__ = "0.1.0"
