"""What is mounted below the cluster's folder is found, and goes."""

import os
from pathlib import Path

import pytest

from dev.cluster import mounts


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_folder_in_memory_goes_with_its_contents(tmp_path: Path) -> None:
    """It is a mount point while it is there, and nothing that was written is left on the disk."""
    folder = tmp_path / "containerd" / "root"
    mounts.keep_in_memory(folder)
    try:
        (folder / "layer").write_text("some bytes")
        assert mounts.below(tmp_path) == [str(folder)]
    finally:
        mounts.remove_below(tmp_path)
    assert (mounts.below(tmp_path), list(folder.iterdir())) == ([], [])
