"""The digest of a model's content, by which an overwritten model is noticed.

`sha256:` and the SHA-256 of one line per file, `<SHA-256 of the content>  <relative path>` and a line
feed, in order of the paths' UTF-8 bytes: what
`find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum` prints in the model's folder, if no name
in it begins with a dot. It depends on nothing but names and contents, so every store gives the same.
"""

import hashlib
import re
from pathlib import Path
from typing import Final

BOOKKEEPING_PREFIX: Final = ".modelward-"
"""Names in the model's folder that are the fetch's own and no part of the model."""
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """Whether `text` has the form of a digest."""
    return _DIGEST.fullmatch(text) is not None


def model_files(folder: Path) -> list[Path]:
    """The model's files in `folder`, in the digest's order."""
    files = [
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(BOOKKEEPING_PREFIX)
    ]
    return sorted(files, key=lambda path: path.relative_to(folder).as_posix().encode())


def of_folder(folder: Path) -> str:
    """The digest of the model in `folder`."""
    whole = hashlib.sha256()
    for path in model_files(folder):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{content}  {path.relative_to(folder).as_posix()}\n".encode())
    return f"sha256:{whole.hexdigest()}"
