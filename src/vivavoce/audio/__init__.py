"""Sound in every form a client may send or ask for: the only home of numpy, PyAV and soxr."""
