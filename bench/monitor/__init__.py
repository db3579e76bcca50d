"""What the monitor costs beside nginx and KServe's agent: latency, CPU, memory (`make bench-monitor`)."""
