"""Keys of receipts are changed by a person in the Secret; the operator keeps what it finds there."""

import base64

import pytest

from modelward.control import kinds
from tests.apiserver.operators import World
from tests.apiserver.test_operator_repair import candidate

pytestmark = pytest.mark.apiserver

SECRET = "electricity-modelward"


async def receipt_key(world: World) -> str:
    """The file of keys as monitors read it."""
    secret = await world.get(kinds.SECRET, SECRET)
    return base64.b64decode(secret["data"]["receipt-key"]).decode()


async def test_a_second_key_stays(world: World) -> None:
    """Two valid keys are there while receipts of the old one come back, also after the Secret is deleted."""

    async def exists() -> bool:
        return await world.get_or_none(kinds.SECRET, SECRET) is not None

    async with world.operator():
        await candidate(world)
        await world.until(exists)
        old = await receipt_key(world)
        new = base64.b64encode(bytes(range(32))).decode()
        both = base64.b64encode(f"{new}\n{old}\n".encode()).decode()
        path = kinds.SECRET.path(world.namespace, SECRET)
        await world.client.request(
            "PATCH",
            path,
            body={"data": {"receipt-key": both}},
            content_type="application/merge-patch+json",
        )
        await world.apply(paused=True)
        generation = (await world.get(kinds.MODEL_DEPLOYMENT, "electricity"))["metadata"]["generation"]
        await world.until_status(lambda status: status.get("observedGeneration") == generation)
        assert await receipt_key(world) == f"{new}\n{old}\n"
        await world.delete(kinds.SECRET, SECRET)
        await world.until(exists)
        assert await receipt_key(world) == f"{new}\n{old}\n"
