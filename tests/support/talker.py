"""The configuration of a server whose one model, `talker`, is scripted, quick, and has a price."""

TALKER = """
[engines.script]
use = "scripted"
options = { says = "Hello there. Bye.", speech_ms = 5, token_ms = 1 }

[models.talker]
think = "script"
speak = "script"
price = { text_in = 0.15, text_out = 0.6, audio_in = 10, audio_out = 20 }
"""
