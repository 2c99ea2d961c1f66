"""OpenAI's JSON, both ways: pure functions and structs, no I/O."""
