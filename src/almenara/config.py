"""What an agency sets: one TOML file, read into frozen values, every key checked."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from almenara.accounts.oidc_settings import OidcSettings, check_settings
from almenara.model.errors import UsageError
from almenara.stages.observations import LATE_MAX_MS
from almenara.stages.public_warnings import Policy, Words, check_policy, read_words, rehearse, shipped
from almenara.stages.public_warnings.situation import HOUR_MS, KINDS

EXAMPLE = """\
# Almenara's configuration. Everything not set here has the default shown in `almenara watch --help`.
state = "state"            # folder of the log
places = "geonames:EC"     # or a file
status = "Exercise"        # Exercise, Test or Actual: in so many words
timezone = "America/Guayaquil"   # of the times in warnings
sender = "alerts@agency.example" # as CAP wants it
# sender_name = "Civil Protection of Loja"
# web = "https://agency.example/warnings"
# contact = "+593 7 000 0000"
# emergency_number = "911" # advice that names it is left out without one
# languages = ["es", "en"] # the first is the one that counts; there must be words for each
# templates = "words"      # folder of your own words: almenara warnings words --templates words
# profiles = ["google"]    # of CAP, kept by every message: almenara cap validate --help
# quiet_h = 3              # changes that can wait, wait this long after a message
# late_days = 100          # fires: detections that come later than so many days after acquisition change nothing
# expires_h = { fire = 6, earthquake = 3 } # how long a warning lasts
# expiry_near_h = 1        # a warning of a hazard that goes on is renewed this long before it ends
# growth = 1.2             # a fire that grew by this factor since the last message is worth another one

[[feed]]
name = "firms-noaa-20"     # yours to choose
source = "firms"           # see: almenara sources
location = "incoming/noaa20"   # a file, a folder, or an https:// address
every_s = 600

# [approval]               # who has to say yes before a warning leaves: automatic, one or four-eyes
# default = "four-eyes"    # as it is for Actual without this; Exercise and Test: automatic
# "fire/Minor" = "one"     # for a kind, or a kind and a severity

# [signing]                # everything that is sent is signed
# key = "keys/warnings.key.pem"
# certificate = "keys/warnings.crt.pem"

# origin = "https://alerts.agency.example" # the address that people open, for `almenara serve` behind a proxy

# [oidc]                   # sign-in by the agency's identity provider; see docs/accounts.md
# issuer = "https://id.agency.example/realms/agency"
# client_id = "almenara"
# client_secret_file = "keys/oidc.secret" # or client_secret_env = "NAME"
# roles = { "almenara-admins" = "administrator", "duty-loja" = "duty_officer@loja" } # by the claim `groups`

# [[channel]]              # where warnings go; see: almenara channels
# name = "folder"          # yours to choose
# plugin = "directory"     # see: almenara channels list
# status = "Exercise"      # it carries messages of this status and no other, for ever
# options = { path = "sent" }
# test = { path = "test" } # the same options for a far side that may get Test messages: almenara channels test
"""


DAY_MS = 24 * HOUR_MS
#: The slowest feed that is still watched for silence: one that speaks once a month.
CADENCE_S_MAX = 31 * 86_400

HOURS_MAX = 72
#: Less is what pixels on the edge of a fire add from pass to pass; more would be silence.
GROWTH_MIN, GROWTH_MAX = 1.05, 10.0

#: Detections are followed at least until the file of their day has come, at most until FIRMS has surely reissued it.
LATE_DAYS_MIN, LATE_DAYS_MAX = 2, 400

CONCURRENCY_MAX = 1_000
TIMEOUT_S_MAX = 300
#: What the policy takes over as it is.
_POLICY = (
    "status",
    "sender",
    "timezone",
    "sender_name",
    "web",
    "contact",
    "emergency_number",
    "languages",
    "profiles",
)
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")
_CHANNEL_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")


class FeedConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One feed to poll."""

    name: str
    source: str
    location: str  # file, folder or URL; relative paths count from the configuration file
    every_s: int = 600
    cadence_s: int | None = None  # how often it should bring something; default: what the source promises
    trust: str | None = None  # others' warnings: a PEM file of certificates; what is not signed under one is refused
    links: bool = False  # others' warnings: the messages that the feed only links to are fetched
    hosts: tuple[str, ...] = ()  # … from these hosts as well as the feed's own


class ChannelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way out of the house. Which options there are is the plugin's affair."""

    name: str
    plugin: str
    status: str
    options: dict[str, Any] = {}
    test: dict[str, Any] | None = None  # options of an endpoint for status Test
    concurrency: int = 50  # deliveries at a time
    timeout_s: float = 15.0  # for one delivery


class SigningConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With what the house signs: PEM files, paths from the configuration's folder."""

    key: str
    certificate: str  # the key's own first, then those that issued it


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    state: str = "state"
    places: str = "geonames:world"
    status: str = "Exercise"
    timezone: str | None = None
    sender: str | None = None
    sender_name: str | None = None
    web: str | None = None
    contact: str | None = None
    emergency_number: str | None = None
    languages: tuple[str, ...] = Policy().languages
    profiles: tuple[str, ...] = ()  # of CAP: what breaks one of them does not leave
    templates: str | None = None  # a folder of words beside those that come with Almenara, or in their place
    quiet_h: float = Policy().quiet_ms / HOUR_MS
    expires_h: dict[str, float] = {}  # by kind; what is not named has its default
    expiry_near_h: float = Policy().expiry_near_ms / HOUR_MS
    growth: float = Policy().growth
    late_days: int = LATE_MAX_MS // DAY_MS  # the fewer, the less there is to hold in memory: what is older is archived
    out: str | None = None
    approval: dict[str, str] = {}
    signing: SigningConfig | None = None
    origin: str | None = None  # https://host[:port], nothing after it
    oidc: OidcSettings | None = None
    feed: tuple[FeedConfig, ...] = ()
    channel: tuple[ChannelConfig, ...] = ()


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


def words_of(config: Config, base: Path) -> Words:
    """The words of the house: those that come with Almenara, with the agency's own. Raises UsageError as they do."""
    return shipped() if config.templates is None else read_words(base / config.templates)


def policy_of(config: Config) -> Policy:
    """How the house warns, as far as it is configured."""
    own = {name: getattr(config, name) for name in _POLICY if getattr(config, name) is not None}
    lasts = {kind: round(hours * HOUR_MS) for kind, hours in config.expires_h.items()}
    return Policy(
        **own,
        approval=config.approval,
        quiet_ms=round(config.quiet_h * HOUR_MS),
        expiry_near_ms=round(config.expiry_near_h * HOUR_MS),
        growth=config.growth,
        expires_ms=Policy().expires_ms | lasts,
    )


def _check(config: Config, path: Path) -> None:
    names = [feed.name for feed in config.feed]
    if config.status not in ("Exercise", "Test", "Actual"):
        raise UsageError(f"{path}: status must be Exercise, Test or Actual, not {config.status!r}.")
    if len(set(names)) < len(names):
        raise UsageError(f"{path}: two feeds have the same name.")
    _check_warnings(config, path)
    if config.origin is not None and not _ORIGIN.fullmatch(config.origin):
        raise UsageError(f"{path}: origin is an address without a path: https://alerts.agency.example.")
    if config.oidc is not None:
        try:
            check_settings(config.oidc)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error
    for channel in config.channel:
        _check_channel(channel, path)
    if config.status == "Actual" and config.sender is None and any(one.status == "Actual" for one in config.channel):
        raise UsageError(f"{path}: a warning of status Actual needs a sender, as CAP wants it: alerts@agency.example.")
    if len({channel.name for channel in config.channel}) < len(config.channel):
        raise UsageError(f"{path}: two channels have the same name.")
    if not LATE_DAYS_MIN <= config.late_days <= LATE_DAYS_MAX:
        raise UsageError(f"{path}: late_days must lie between {LATE_DAYS_MIN} and {LATE_DAYS_MAX}.")
    for feed in config.feed:
        if not 10 <= feed.every_s <= 86_400:
            raise UsageError(f"{path}: every_s of feed {feed.name} must lie between 10 and 86400 seconds.")
        if feed.source != "cap_feed" and (feed.trust is not None or feed.links or feed.hosts):
            raise UsageError(f"{path}: trust, links and hosts are for feeds of source cap_feed, not {feed.name}.")
        if feed.links and not feed.location.startswith(("http://", "https://")):
            raise UsageError(f"{path}: links of feed {feed.name} can be fetched only where its location is an address.")
        if feed.cadence_s is not None and not 10 <= feed.cadence_s <= CADENCE_S_MAX:
            raise UsageError(f"{path}: cadence_s of feed {feed.name} must lie between 10 and {CADENCE_S_MAX} seconds.")


def _check_warnings(config: Config, path: Path) -> None:
    for kind, hours in config.expires_h.items():
        if kind not in KINDS or not 0 < hours <= HOURS_MAX:
            raise UsageError(
                f"{path}: expires_h gives {' or '.join(KINDS)} up to {HOURS_MAX} hours, not {kind} = {hours:g}."
            )
    if not 0 <= config.quiet_h <= HOURS_MAX:
        raise UsageError(f"{path}: quiet_h must lie between 0 and {HOURS_MAX} hours.")
    if not 0 <= config.expiry_near_h < HOURS_MAX:
        raise UsageError(f"{path}: expiry_near_h must lie between 0 and {HOURS_MAX} hours, and under each expires_h.")
    if not GROWTH_MIN <= config.growth <= GROWTH_MAX:
        raise UsageError(f"{path}: growth must lie between {GROWTH_MIN} and {GROWTH_MAX}.")
    try:
        policy, words = policy_of(config), words_of(config, path.parent)
        check_policy(policy, words)
        rehearse(policy, words)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _check_channel(channel: ChannelConfig, path: Path) -> None:
    if channel.status not in ("Exercise", "Test", "Actual"):
        raise UsageError(f"{path}: status of channel {channel.name} must be Exercise, Test or Actual.")
    if channel.status == "Test" and channel.test is not None:
        raise UsageError(f"{path}: channel {channel.name} is for Test already: it needs no test endpoint.")
    if not _CHANNEL_NAME.fullmatch(channel.name):
        raise UsageError(f"{path}: the name of channel {channel.name!r} may have 1 to 40 of A-Z a-z 0-9 . _ -.")
    if not 1 <= channel.concurrency <= CONCURRENCY_MAX:
        raise UsageError(f"{path}: concurrency of channel {channel.name} must lie between 1 and {CONCURRENCY_MAX}.")
    if not 1 <= channel.timeout_s <= TIMEOUT_S_MAX:
        raise UsageError(f"{path}: timeout_s of channel {channel.name} must lie between 1 and {TIMEOUT_S_MAX} seconds.")
