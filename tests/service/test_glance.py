"""A glance sees what changed, once it stands still, and nothing else."""

from pathlib import Path

from almenara.service.glance import Glance, Mark, mark


def known(*paths: Path) -> dict[Path, Mark]:
    return {path: found for path in paths if (found := mark(path)) is not None}


def test_a_new_file_is_seen_when_it_has_settled(tmp_path: Path) -> None:
    glance = Glance(tmp_path)
    glance.note({})
    assert not glance.has_changed({})
    (tmp_path / "a.csv").write_text("half")
    assert not glance.has_changed({}), "it may still be growing"
    assert glance.has_changed({})


def test_a_file_that_grows_is_left_alone_until_it_stops(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x")
    read = known(file)
    glance = Glance(tmp_path)
    glance.note(read)
    assert not glance.has_changed(read)
    for size in range(2, 6):
        file.write_text("x" * size)
        assert not glance.has_changed(read)
    assert glance.has_changed(read)
    read = known(file)
    assert not glance.has_changed(read)


def test_a_single_file_that_appears_and_goes(tmp_path: Path) -> None:
    file = tmp_path / "feed.csv"
    glance = Glance(file)
    glance.note({})
    assert not glance.has_changed({})
    file.write_text("x")
    assert [glance.has_changed({}), glance.has_changed({})] == [False, True]
    glance.note(known(file))
    assert not glance.has_changed(known(file))
