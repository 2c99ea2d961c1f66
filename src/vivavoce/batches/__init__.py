"""Work left to be done later: read, worked on line by line, and closed. It knows nothing of HTTP."""
