"""What the monitor and the collector of one pod use at several rates of requests, and in a long run."""
