"""The messages of the benchmark: v2 inference of a table of numbers, small and large. Pure, seeded."""

import random
from typing import Final

import orjson

PATH: Final = "/v2/models/electricity/infer"
STREAM_PATH: Final = "/v2/models/electricity/generate_stream"
FEATURES: Final = ("date", "period", "nswprice", "nswdemand", "vicprice", "transfer")
SMALL_BYTES: Final = 4 * 1024
LARGE_BYTES: Final = 1024 * 1024
_SEED: Final = 7


def rows_of(size_bytes: int) -> int:
    """How many rows a request of about `size_bytes` has."""
    return size_bytes // (len(FEATURES) * len("0.12345678,")) + 1


def request_body(size_bytes: int) -> bytes:
    """A v2 request of about `size_bytes`: one tensor a feature, as many rows as that takes."""
    draw = random.Random(_SEED)  # noqa: S311 - made-up features, no secret
    rows = rows_of(size_bytes)
    inputs = [
        {
            "name": name,
            "shape": [rows, 1],
            "datatype": "FP64",
            "data": [round(draw.random(), 8) for _ in range(rows)],
        }
        for name in FEATURES
    ]
    return orjson.dumps({"id": "bench", "inputs": inputs})


def answer_body(rows: int) -> bytes:
    """A v2 response with one class a row and its probability."""
    draw = random.Random(_SEED)  # noqa: S311 - made-up predictions, no secret
    return orjson.dumps(
        {
            "model_name": "electricity",
            "id": "bench",
            "outputs": [
                {
                    "name": "predict",
                    "shape": [rows, 1],
                    "datatype": "INT64",
                    "data": [draw.randrange(2) for _ in range(rows)],
                },
                {
                    "name": "predict_proba",
                    "shape": [rows, 1],
                    "datatype": "FP64",
                    "data": [round(draw.random(), 8) for _ in range(rows)],
                },
            ],
        }
    )


def request(body: bytes, path: str = PATH) -> bytes:
    """The whole request on the wire."""
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: electricity",
        "User-Agent: bench",
        "Accept: */*",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
