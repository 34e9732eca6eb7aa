"""The configuration file: what it says is what is used, and what it cannot mean is refused by name."""

from pathlib import Path

import msgspec
import pytest

from almenara.config import CADENCE_S_MAX, EXAMPLE, Config, FeedConfig, load_config, policy_of, words_of
from almenara.model.errors import UsageError
from almenara.stages.public_warnings import Policy, shipped

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
        + "late_days = 7\n"
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
        late_days=7,
        feed=(FeedConfig(name="a", source="firms", location="incoming", every_s=10, cadence_s=86400),),
    )


def test_how_the_house_warns(tmp_path: Path) -> None:
    text = (
        'sender = "x@y.z"\nsender_name = "Civil Protection"\nweb = "https://y.z"\ncontact = "+593"\n'
        'emergency_number = "911"\nlanguages = ["en", "es-EC"]\nquiet_h = 1.5\nexpires_h = { fire = 12 }\n'
        'timezone = "America/Guayaquil"\n[approval]\n"flood" = "one"\n'
    )
    config = load(tmp_path, text)
    assert policy_of(config) == Policy(
        sender="x@y.z",
        sender_name="Civil Protection",
        web="https://y.z",
        contact="+593",
        emergency_number="911",
        languages=("en", "es-EC"),
        timezone="America/Guayaquil",
        quiet_ms=5_400_000,
        expires_ms={"fire": 12 * 3_600_000, "earthquake": 3 * 3_600_000},
        approval={"flood": "one"},
    )
    assert words_of(config, tmp_path) == shipped()
    assert policy_of(Config()) == Policy()


def test_an_agencys_words_are_read_at_start(tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    assert words_of(load(tmp_path, 'templates = "words"'), tmp_path) == shipped()
    (tmp_path / "words" / "flood.es.toml").write_text("event = 5", encoding="utf-8")
    with pytest.raises(UsageError, match=r"almenara\.toml: flood\.es\.toml: .*event"):
        load(tmp_path, 'templates = "words"')


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
        ('languages = ["es", "qu"]', "no words for the language 'qu'"),
        ("languages = []", "at least one language"),
        ('timezone = "Quito"', "no time zone 'Quito'"),
        ('templates = "none"', "no folder of templates"),
        ("quiet_h = -1", "quiet_h"),
        ("late_days = 1", "late_days"),
        ("late_days = 401", "late_days"),
        ("late_days = 2.5", "late_days"),
        ("quiet_h = nan", "quiet_h"),
        ("growth = 1.0", "growth"),
        ("growth = nan", "growth"),
        ("growth = 11", "growth"),
        ("expiry_near_h = -1", "expiry_near_h"),
        ("expiry_near_h = nan", "expiry_near_h"),
        ("expiry_near_h = 3", "must last longer"),
        ("expires_h = { fire = 73 }", "fire = 73"),
        ("expires_h = { fire = 1 }", "must last longer"),
        ("expires_h = { flood = 3 }", "flood = 3"),
        ('approval = { flud = "one" }', "flud"),
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
