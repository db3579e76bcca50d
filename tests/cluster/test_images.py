"""Images: their archives, their tags, and how other clusters are given them."""

import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from dev.cluster import archive, containers, current, images
from dev.cluster.errors import ClusterError
from dev.cluster.paths import CHECKOUT


def test_archive_holds_the_program(tmp_path: Path) -> None:
    """The archive names its image, runs the program as nobody, and holds it unchanged."""
    program = tmp_path / "hello"
    program.write_bytes(b"program" * 1000)
    target = tmp_path / "image.tar"
    archive.write(target, "example.org/hello:1", {"bin/hello": program}, ["/bin/hello"])
    with tarfile.open(target) as outer:
        manifest = json.load(outer.extractfile("manifest.json") or pytest.fail("no manifest"))[0]
        configuration = json.load(outer.extractfile(manifest["Config"]) or pytest.fail("no configuration"))
        with tarfile.open(fileobj=outer.extractfile(manifest["Layers"][0])) as layer:
            entry = layer.getmember("bin/hello")
            content = layer.extractfile(entry)
            assert content is not None
            assert content.read() == program.read_bytes()
    assert manifest["RepoTags"] == ["example.org/hello:1"]
    assert configuration["config"] == {"Entrypoint": ["/bin/hello"], "User": "65532:65532", "WorkingDir": "/"}
    assert entry.mode == 0o755


def test_archive_is_reproducible(tmp_path: Path) -> None:
    """The same program gives the same bytes, whenever it was written."""
    contents = []
    for name in ("first", "second"):
        program = tmp_path / name / "hello"
        program.parent.mkdir()
        program.write_bytes(b"program")
        target = tmp_path / name / "image.tar"
        archive.write(target, "example.org/hello:1", {"bin/hello": program}, ["/bin/hello"])
        contents.append(target.read_bytes())
    assert contents[0] == contents[1]


def test_short_hash_keeps_parts_apart() -> None:
    """Moving a byte from one part to the next is another content."""
    assert images.short_hash(b"ab", b"c") != images.short_hash(b"a", b"bc")
    assert images.short_hash(b"ab", b"c") == images.short_hash(b"ab", b"c")


def test_containerfiles_of_the_project_are_alike() -> None:
    """Those of operator and monitor differ in what is installed, compiled and run, and in nothing else."""
    files = [(CHECKOUT / "images" / name / "Containerfile").read_text() for name in ("operator", "monitor")]
    own = re.compile(
        r"^#.*\n|^ARG (STORES|COMPILER_BASE).*\n|--extra operator|\\\n +\$\(printf .*\)|^ENTRYPOINT .*\n"
        r"|^FROM \$\{COMPILER_BASE\}(.*\n)*?(?=FROM )"
        r"|^ENV PYTHONOPTIMIZE=.*\n|^RUN python3 -m compileall .*\n.*\n"
        r"|^ENV MALLOC_.*\n +MALLOC_.*\n|^COPY --from=(project|compiled) /opt/project /opt/project\n",
        re.MULTILINE,
    )
    operator, monitor = (own.sub("", file) for file in files)
    assert operator == monitor
    assert operator.count("\n") > 20


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what images are made from."""
    for entry in {name for names in containers.CONTEXTS.values() for name in names} | {"images"}:
        source, target = CHECKOUT / entry, tmp_path / entry
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    return tmp_path


def test_tag_follows_the_source(checkout: Path) -> None:
    """A change of source is a change of the operator's tag and the monitor's, not of MLServer's."""
    before = {name: containers.tag(name, checkout) for name in containers.CONTEXTS}
    (checkout / "operator" / "modelward" / "conventions.py").write_text("CHANGED = True\n")
    after = {name: containers.tag(name, checkout) for name in containers.CONTEXTS}
    assert {name for name in before if before[name] != after[name]} == {"operator", "monitor", "gates"}


def test_tag_is_the_contents_alone(checkout: Path) -> None:
    """Compiled files, and where the checkout is, do not change a tag."""
    compiled = checkout / "operator" / "modelward" / "__pycache__" / "x.pyc"
    compiled.parent.mkdir()
    before = containers.tag("operator", checkout)
    compiled.write_bytes(b"compiled")
    assert containers.tag("operator", checkout) == before


@pytest.mark.parametrize(
    ("context", "command"),
    [
        ("kind-one", "kind load image-archive /x.tar --name one"),
        ("k3d-two", "k3d image import /x.tar --cluster two"),
        ("minikube", "minikube image load /x.tar"),
        ("docker-desktop", "docker load --quiet --input /x.tar"),
    ],
)
def test_current_cluster_is_given_images_its_own_way(context: str, command: str) -> None:
    """Each kind of local cluster has its own command, known by the context's name."""
    assert " ".join(current.load_command(context, "/x.tar")) == command


def test_cluster_that_pulls_is_refused_with_the_way_out() -> None:
    """For a context of a real cluster the message says to push to a registry."""
    with pytest.raises(ClusterError, match="context production: push them to a registry"):
        current.load_command("production", "/x.tar")


def test_unknown_value_of_cluster_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt CLUSTER is not taken for the default."""
    monkeypatch.setenv("CLUSTER", "curent")
    with pytest.raises(ClusterError, match="write CLUSTER=current"):
        current.chosen()
