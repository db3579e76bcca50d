"""What a developer runs: a real cluster and images, without Docker. Standard library only."""
