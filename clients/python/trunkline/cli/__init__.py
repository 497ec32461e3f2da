"""The command line. It is a client: it starts the router and the workers as processes and otherwise speaks gRPC."""
