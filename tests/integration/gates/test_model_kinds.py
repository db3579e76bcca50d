"""Which kind of model a file holds, what is said of the others, and of libraries that are not installed."""

import io
import pickle
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from bench.gates.files import gate_file
from modelward.api.robustness import Gradient
from modelward.gates import modelfile, robustness
from modelward.gates.failure import GateError
from modelward.gates.findings import Findings
from modelward.gates.robustness import gradient
from modelward.gates.subject import Addresses, Subject, read_subject
from tests.integration.gates.networks import NOISE

pytestmark = pytest.mark.integration

CHECKOUT = Path(__file__).parents[3]
ATTACK = Gradient.model_validate({"method": "FGSM", "size": "0.2", "maxFlips": "1%"})


def archive(*names: str) -> bytes:
    """Return a zip archive of files without content."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        for name in names:
            file.writestr(name, "")
    return written.getvalue()


KERAS = archive("metadata.json", "config.json", "model.weights.h5")
TORCHSCRIPT = archive("net/data.pkl", "net/code/__torch__.py", "net/constants.pkl", "net/version")


def subject_of(content: bytes, address: str, tables: Path, folder: Path) -> Subject:
    """Return what is measured, with a file of this content."""
    path = folder / "model.any"
    path.write_bytes(content)
    return read_subject(gate_file(NOISE), Addresses(address, None, path.as_uri()), tables, 0)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (pickle.dumps(1), "joblib"),
        (KERAS, "Keras"),
        (TORCHSCRIPT, "TorchScript"),
        (archive("net/archive_format", "net/archive_version", "net/models/model.json"), "torch.export"),
    ],
)
def test_the_content_says_the_kind(
    content: bytes, kind: str, good: str, tables: Path, tmp_path: Path
) -> None:
    """A file is known by what is in it, whatever its name is."""
    assert modelfile.read(subject_of(content, good, tables, tmp_path)).kind == kind


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (archive("net/data.pkl", "net/data/0", "net/version"), "what torch.save wrote"),
        (archive("schema.json"), "a zip archive of no model"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x08\x07\x12\x07pytorch", "of no kind that gates read"),
        (b"", "of no kind that gates read"),
    ],
)
def test_other_files_are_refused_unloaded(
    content: bytes, said: str, good: str, tables: Path, tmp_path: Path
) -> None:
    """What is no model that gates read is refused with what to write instead."""
    with pytest.raises(GateError, match=rf"model\.any is {said}.*: name what joblib wrote, a Keras model"):
        modelfile.read(subject_of(content, good, tables, tmp_path))


@pytest.mark.parametrize(
    ("content", "needed"), [(KERAS, ("keras", "tensorflow")), (TORCHSCRIPT, ("torch", "torch"))]
)
def test_a_library_that_is_not_installed_is_named(
    content: bytes,
    needed: tuple[str, str],
    good: str,
    tables: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the error says to build with makes the image install the library."""
    extra, library = needed
    monkeypatch.setitem(sys.modules, library, None)
    module = f"{extra}model"  # may have been imported by another test
    monkeypatch.delitem(sys.modules, f"{robustness.__name__}.{module}", raising=False)
    monkeypatch.delattr(robustness, module, raising=False)
    asked = subject_of(content, good, tables, tmp_path)
    with pytest.raises(GateError, match=rf"modelward\[gates,{extra}\]") as raised:
        gradient.check(Findings(), (ATTACK,), asked)
    advice = re.search(r"--build-arg MODELS=(\S+)", str(raised.value))
    assert advice is not None
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    installed = [word for each in installed_extras(advice[1]) for word in project[each]]
    assert any(word.startswith(library) for word in installed)


def installed_extras(models: str, stores: str = "") -> list[str]:
    """The extras that the image's build installs, by running the Containerfile's own line."""
    text = (CHECKOUT / "images" / "gates" / "Containerfile").read_text().replace("\\\n", " ")
    line = next(line for line in text.splitlines() if line.startswith("RUN") and " sync " in line)
    assert 'ARG MODELS=""' in text[: text.index(line)]
    command = line.removeprefix("RUN").replace("/opt/uv/bin/uv", "echo")
    variables = {"MODELS": models, "STORES": stores}
    shown = subprocess.run(
        ["/bin/sh", "-c", command], env=variables, capture_output=True, text=True, check=True
    )
    return re.findall(r"--extra (\S+)", shown.stdout)


def test_the_image_has_no_such_library_unless_asked() -> None:
    """The image does not grow for those who attack scikit-learn's models alone."""
    assert installed_extras("") == ["gates"]
    assert installed_extras("keras torch", "gcs") == ["gates", "gcs", "keras", "torch"]
