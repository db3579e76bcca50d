"""Stores whose clients the monitor's image has only when it is built with them."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from modelward.storage.location import locate, missing_extra

CHECKOUT = Path(__file__).parents[3]


def installed_extras(stores: str) -> list[str]:
    """The extras that the image's build installs for STORES, by running the Containerfile's own line."""
    text = (CHECKOUT / "images" / "monitor" / "Containerfile").read_text().replace("\\\n", " ")
    line = next(line for line in text.splitlines() if line.startswith("RUN") and " sync " in line)
    assert 'ARG STORES=""' in text[: text.index(line)]
    command = line.removeprefix("RUN").replace("/opt/uv/bin/uv", "echo")
    shown = subprocess.run(
        ["/bin/sh", "-c", command], env={"STORES": stores}, capture_output=True, text=True, check=True
    )
    return re.findall(r"--extra (\S+)", shown.stdout)


@pytest.mark.parametrize(("uri", "client"), [("gs://b/m", "gcsfs"), ("abfs://c/m", "adlfs")])
def test_the_advice_builds_an_image_that_reads_it(uri: str, client: str) -> None:
    """What the error says to build with makes the image install the store's client."""
    advice = re.search(r"--build-arg STORES=(\S+)", str(missing_extra(locate(uri))))
    assert advice is not None
    extras = installed_extras(advice[1])
    assert extras[:2] == ["monitor", "storage"]
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    wanted = [word for extra in extras for word in project["optional-dependencies"][extra]]
    assert any(word.startswith(client) for word in wanted)


def test_several_stores_or_none() -> None:
    """Both stores can be asked for at once; without a word the image has neither."""
    assert installed_extras("gcs azure") == ["monitor", "storage", "gcs", "azure"]
    assert installed_extras("") == ["monitor", "storage"]
