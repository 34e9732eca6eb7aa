"""The configuration file: what it says is what is used, and what it cannot mean is refused by name."""

from pathlib import Path

import msgspec
import pytest

from almenara.config import CADENCE_S_MAX, EXAMPLE, Config, FeedConfig, load_config
from almenara.model.errors import UsageError

FEED = '[[feed]]\nname = "a"\nsource = "firms"\nlocation = "incoming"\n'


def load(folder: Path, text: str | bytes) -> Config:
    path = folder / "almenara.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_config(path)


def test_an_empty_file_means_an_exercise_that_polls_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "") == Config()
    assert (Config().status, Config().feed) == ("Exercise", ())


def test_the_example_is_a_configuration_and_shows_every_key_that_is_no_default(tmp_path: Path) -> None:
    config = load(tmp_path, EXAMPLE)
    (feed,) = config.feed
    assert feed == FeedConfig(name="firms-noaa-20", source="firms", location="incoming/noaa20", every_s=600)
    for key in ("state", "places", "status", "timezone", "sender"):
        assert f"\n{key} = " in f"\n{EXAMPLE}"


def test_every_key_arrives(tmp_path: Path) -> None:
    text = (
        'state = "s"\nplaces = "p.csv"\nstatus = "Actual"\ntimezone = "UTC"\nsender = "x@y.z"\nout = "o"\n'
        + FEED
        + "every_s = 10\ncadence_s = 86400\n"
    )
    assert load(tmp_path, text) == Config(
        state="s",
        places="p.csv",
        status="Actual",
        timezone="UTC",
        sender="x@y.z",
        out="o",
        feed=(FeedConfig(name="a", source="firms", location="incoming", every_s=10, cadence_s=86400),),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('place = "geonames:EC"', "place"),  # a slip of the pen is no default
        (FEED + "every = 60", "every"),
        ("state = 5", "state"),
        (FEED + 'every_s = "often"', "every_s"),
        (FEED + "every_s = 60.5", "every_s"),
        (FEED + "every_s = true", "every_s"),
        (FEED + "every_s = 9", "every_s of feed a"),
        (FEED + "every_s = 86401", "every_s of feed a"),
        (FEED + "every_s = -600", "every_s of feed a"),
        (FEED + "cadence_s = 0", "cadence_s of feed a"),
        (FEED + "cadence_s = -60", "cadence_s of feed a"),
        (FEED + f"cadence_s = {CADENCE_S_MAX + 1}", "cadence_s of feed a"),
        ('[[feed]]\nname = "a"\nsource = "firms"', "location"),
        ('feed = "firms"', "feed"),
        (FEED + FEED, "same name"),
        ('status = "actual"', "Exercise, Test or Actual"),
        ('status = ""', "Exercise, Test or Actual"),
        ("status = ", "no TOML file"),
        (b'state = "\xff"', "no TOML file"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(UsageError, match=r"almenara\.toml") as refused:
        load(tmp_path, text)
    assert words in str(refused.value)


def test_a_missing_file_is_refused_with_an_example(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read") as refused:
        load_config(tmp_path / "none.toml")
    assert EXAMPLE in str(refused.value)
    with pytest.raises(UsageError, match="cannot be read"):
        load_config(tmp_path)


def test_a_configuration_cannot_be_changed() -> None:
    config = Config()
    with pytest.raises(AttributeError, match="immutable"):
        config.status = "Actual"  # type: ignore[misc]
    assert msgspec.structs.replace(config, status="Test").status == "Test"
