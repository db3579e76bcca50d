"""A client's side of labels: keeps receipts, and sends labels back for them.

client = FeedbackClient("http://electricity")
answer = httpx.post("http://electricity/v2/models/electricity/infer", json=...)
client.receipts.keep(order_id, answer.headers)
...
if receipt := client.receipts.take(order_id):
    for result in client.send([Item(receipt, label=1)]):
        assert result.accepted, result.message
"""

from modelward.client.batch import FeedbackError, Item, Result, Retry
from modelward.client.clients import AsyncFeedbackClient, FeedbackClient
from modelward.client.receipts import Receipts

__all__ = [
    "AsyncFeedbackClient",
    "FeedbackClient",
    "FeedbackError",
    "Item",
    "Receipts",
    "Result",
    "Retry",
]
