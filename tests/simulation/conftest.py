"""One exercise world for all the tests of this folder."""

from pathlib import Path

import pytest

from almenara.simulation import World, write_world


@pytest.fixture(scope="session")
def world_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="session")
def world(world_folder: Path) -> World:
    return write_world("ecuador", 7, world_folder)
