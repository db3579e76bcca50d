"""The watcher of gRPC connections without a network."""
