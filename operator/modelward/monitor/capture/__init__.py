"""The second process: parses sampled bodies, counts their bins and renders /metrics, at low priority.

Parsing 1 MB of JSON takes milliseconds, and so does rendering a thousand series: in the process that
forwards requests they would hold up whoever comes next, and as a thread hardly less. So they are done in
a process of nice 19, which the forwarding one (channel.py) tells everything in messages (messages.py): small
ones through a socket that keeps their bounds (SOCK_SEQPACKET), larger ones through a ring in shared memory
(ring.py). Nobody waits for it: what it can't take at once is dropped and counted, and if it dies a guard
(guard.py) forks it anew. What it does is in worker.py.
"""
