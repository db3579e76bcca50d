"""The monitor: the sidecar in front of a model server that forwards, counts and attributes each request.

Bytes are forwarded on paired connections: one connection to the server for each client connection,
no pool. Watchers (heads.py, bodies.py) find where messages begin and end; everything else follows from
that: events for the objectives, receipts, labels, spans, and which revision answers.

What is changed in the forwarded bytes, and nothing else is:

- both: headers that are meant for one hop alone are left out (hops.py);
- requests: `traceparent` is set where spans are exported, with which a `tracestate` of no valid parent goes,
  and `modelward-forwarded` is added to what a withdrawn revision sends on;
- responses: `modelward-receipt` is added to predictions, and `Connection: close` replaces `Connection` when
  the client is to reconnect.

Connections of HTTP/2 are gRPC's, and the package `grpc` has them.
"""
