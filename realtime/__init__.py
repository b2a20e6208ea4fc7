"""WebSocket edge: protocol and session without I/O, hub, bus, one endpoint with the socket."""
