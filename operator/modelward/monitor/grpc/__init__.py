"""gRPC (HTTP/2 by prior knowledge) on the serving ports: passed through, and counted by watching frames.

A connection whose first bytes are HTTP/2's preface (RFC 9113 3.4) is joined to one of its own to the server's
gRPC port, and bytes go to and fro as they come. Two watchers follow the frames of either direction for
where calls begin and end, and with which status; if one of them fails, its connection is passed on unwatched.

One thing is added to what the client gets: a GOAWAY frame (RFC 9113 6.8) between two of the server's, where
HTTP/1.1 has `Connection: close`. It refuses nothing: calls under way are answered, and so are those that had
been sent before it arrived; the client's next ones go to a new connection.
"""
