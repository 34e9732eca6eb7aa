"""What an agency sets: one TOML file, read into frozen values, every key checked."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from almenara.model.errors import UsageError

EXAMPLE = """\
# Almenara's configuration. Everything not set here has the default shown in `almenara watch --help`.
state = "state"            # folder of the log
places = "geonames:EC"     # or a file
status = "Exercise"        # Exercise, Test or Actual: in so many words
timezone = "America/Guayaquil"   # of the times in warnings
sender = "alerts@agency.example" # as CAP wants it

[[feed]]
name = "firms-noaa-20"     # yours to choose
source = "firms"           # see: almenara sources
location = "incoming/noaa20"   # a file, a folder, or an https:// address
every_s = 600
"""


#: The slowest feed that is still watched for silence: one that speaks once a month.
CADENCE_S_MAX = 31 * 86_400


class FeedConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One feed to poll."""

    name: str
    source: str
    location: str  # file, folder or URL; relative paths count from the configuration file
    every_s: int = 600
    cadence_s: int | None = None  # how often it should bring something; default: what the source promises


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    state: str = "state"
    places: str = "geonames:world"
    status: str = "Exercise"
    timezone: str | None = None
    sender: str | None = None
    out: str | None = None
    feed: tuple[FeedConfig, ...] = ()


def load_config(path: Path) -> Config:
    """Read a configuration file. Raises UsageError that names the key, and what stands in its place."""
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        config = msgspec.convert(raw, Config)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}. An example:\n\n{EXAMPLE}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML file: {error}.") from error
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {error}. An example:\n\n{EXAMPLE}") from error
    _check(config, path)
    return config


def _check(config: Config, path: Path) -> None:
    names = [feed.name for feed in config.feed]
    if config.status not in ("Exercise", "Test", "Actual"):
        raise UsageError(f"{path}: status must be Exercise, Test or Actual, not {config.status!r}.")
    if len(set(names)) < len(names):
        raise UsageError(f"{path}: two feeds have the same name.")
    for feed in config.feed:
        if not 10 <= feed.every_s <= 86_400:
            raise UsageError(f"{path}: every_s of feed {feed.name} must lie between 10 and 86400 seconds.")
        if feed.cadence_s is not None and not 10 <= feed.cadence_s <= CADENCE_S_MAX:
            raise UsageError(f"{path}: cadence_s of feed {feed.name} must lie between 10 and {CADENCE_S_MAX} seconds.")
