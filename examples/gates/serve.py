"""Serve a scikit-learn model file by the Open Inference Protocol (v2), to try gates without a cluster.

Usage: serve.py MODEL.joblib PORT [NAME]. One tensor [rows, features] in, the class of each row out.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np

MOST_BYTES: Final = 64 * 1024 * 1024


def server(model: Any, port: int, name: str) -> ThreadingHTTPServer:  # noqa: ANN401 - scikit-learn has no common type
    """Return a server on loopback; port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body leave in one piece: in two, the second waits for the client's delayed acknowledgement.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            """Answer one batch."""
            body = self.rfile.read(min(int(self.headers["Content-Length"]), MOST_BYTES))
            if self.path != f"/v2/models/{name}/infer":
                self.reply(404, {"error": f"there is no {self.path}"})
                return
            try:
                tensor = json.loads(body)["inputs"][0]
                rows = np.array(tensor["data"], dtype=np.float64).reshape(tensor["shape"])
                said = model.predict(rows).tolist()
            except (KeyError, IndexError, TypeError, ValueError) as error:
                self.reply(400, {"error": str(error)})
                return
            kind = "BYTES" if said and isinstance(said[0], str) else "FP64"
            output = {"name": "predict", "shape": [len(said), 1], "datatype": kind, "data": said}
            self.reply(200, {"model_name": name, "outputs": [output]})

        def reply(self, status: int, content: object) -> None:
            """Send JSON."""
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing of each request."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    with server(joblib.load(Path(sys.argv[1])), int(sys.argv[2]), (*sys.argv[3:], "model")[0]) as serving:
        print(f"serving on http://127.0.0.1:{serving.server_port}", flush=True)
        serving.serve_forever()
