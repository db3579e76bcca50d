"""`kubectl modelward review` against an API server: what it reads, and that its commands do what they say."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dev.cluster import programs
from tests.apiserver.operators import World
from tests.apiserver.people import say
from tests.apiserver.test_operator_people import TWO_PEOPLE, awaiting, given

pytestmark = pytest.mark.apiserver


def _run(world: World, *command: str) -> str:
    """Run a program with the test's kubeconfig and kubectl on its path; return what it printed."""
    environment = {
        **os.environ,
        "KUBECONFIG": str(world.api_server.kubeconfig),
        "PATH": f"{programs.find('kubectl').parent}:/usr/bin:/bin",
    }
    return subprocess.run(
        command, cwd=world.folder, env=environment, check=True, capture_output=True, text=True
    ).stdout


async def test_a_person_reads_the_review_and_answers_with_its_command(world: World, tmp_path: Path) -> None:
    """It says what is awaited and who has answered, reads all that it needs, and its command is a yes."""
    async with world.operator():
        revision = await awaiting(world, **TWO_PEOPLE)
        say(world, "alice", "yes", revision=revision, reason="seen the plots")
        await world.until_status(lambda status: given(status).startswith("1 of 2"))
        page = tmp_path / "page.html"
        review = (sys.executable, "-m", "modelward.cli.main", "review", "electricity")
        shown = await asyncio.to_thread(
            _run, world, *review, "--namespace", world.namespace, "--out", str(page)
        )
        assert "1 of 2" in shown
        assert "alice approved it" in shown
        assert "and may say yes or no" in shown
        assert "What could not be read" not in shown
        assert "seen the plots" in page.read_text()
        yes = shown.partition("# Yes:\n")[2].partition("\n# No:")[0]
        await asyncio.to_thread(_run, world, "bash", "-c", f"WHY='read the page'\n{yes}")
        status = await world.until_status(lambda status: status["phase"] == "Serving")
        assert "read the page" in given(status)
