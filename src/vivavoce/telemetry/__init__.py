"""What can be seen of the server from outside: numbers for Prometheus, spans for OpenTelemetry."""
