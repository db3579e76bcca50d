"""Revisions as ControllerRevisions."""

from dataclasses import replace

import pytest

from modelward.render.revision import (
    RENDERER,
    Images,
    InvalidRevisionError,
    controller_revision,
    new_record,
    read_inputs,
    read_record,
)
from tests.unit.render import cases

IDENTITY = cases.identity_of("shop")


@pytest.mark.parametrize("spec_name", cases.SPECS)
def test_a_record_is_read_back_as_it_was(spec_name: str) -> None:
    """Nothing is lost between a record and its ControllerRevision, the digest included."""
    for record in cases.two_records(IDENTITY, cases.SPECS[spec_name]):
        assert read_record(controller_revision(IDENTITY, record)) == record


def test_other_images_make_no_other_revision() -> None:
    """An operator upgrade keeps a revision's name: the images are pinned, not part of the hash."""
    spec = cases.read(cases.MINIMAL)
    now = new_record(IDENTITY, spec, 1, cases.IMAGES)
    later = new_record(IDENTITY, spec, 1, Images("c:2", "m:2", "f:2"))
    assert now.name == later.name
    assert now.images != later.images


def test_inputs_have_every_default() -> None:
    """What the team left out is filled in."""
    model, server = read_inputs(new_record(IDENTITY, cases.read(cases.MINIMAL), 1, cases.IMAGES))
    assert (model.uri, model.digest) == ("s3://models/shop/1", None)
    assert (server.protocol, server.port) == ("v2", 8080)


@pytest.mark.parametrize("damage", ["data", "revision"])
def test_something_else_is_no_revision(damage: str) -> None:
    """A ControllerRevision without a record is refused by name."""
    manifest = controller_revision(IDENTITY, new_record(IDENTITY, cases.read(cases.MINIMAL), 1, cases.IMAGES))
    del manifest[damage]
    with pytest.raises(InvalidRevisionError, match=rf"{manifest['metadata']['name']} does not hold"):
        read_record(manifest)


def test_another_renderers_revision_is_not_rendered() -> None:
    """What a newer operator made is not guessed at."""
    record = replace(new_record(IDENTITY, cases.read(cases.MINIMAL), 1, cases.IMAGES), renderer=RENDERER + 1)
    with pytest.raises(InvalidRevisionError, match=f"made by renderer {RENDERER + 1}"):
        read_record(controller_revision(IDENTITY, record))


def test_inputs_that_break_a_rule_say_which() -> None:
    """A stored revision that is no longer valid is refused with the field."""
    record = new_record(IDENTITY, cases.read(cases.MINIMAL), 1, cases.IMAGES)
    broken = replace(record, server={**record.server, "port": 0})
    with pytest.raises(InvalidRevisionError, match="no longer valid: port"):
        read_record(controller_revision(IDENTITY, broken))
