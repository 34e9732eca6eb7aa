"""The feed's files: which folder of which channel the public gets, and one by default where none is configured."""

from pathlib import Path

import msgspec

from almenara.config import ChannelConfig, Config
from almenara.service.office import Office

NAME = "public-feed"
FOLDER = "feed"
_KINDS = {
    "atom.xml": ("application/atom+xml; charset=utf-8", "public, max-age=30, must-revalidate"),
    "rss.xml": ("application/rss+xml; charset=utf-8", "public, max-age=30, must-revalidate"),
    "alerts": ("application/cap+xml; charset=utf-8", "public, max-age=31536000, immutable"),
    "archive": ("application/atom+xml; charset=utf-8", "public, max-age=300"),
}


def with_feed(config: Config, status: str, folder: Path, url: str) -> Config:
    """The configuration with a feed in the log's folder, unless it has one of that status already.

    `url` is the address of the service as the public sees it: http://127.0.0.1:8000/
    """
    if any(channel.plugin == "feed" and channel.status == status for channel in config.channel):
        return config
    author = config.sender_name or config.sender or "Almenara"
    options = {
        "path": str(folder.resolve() / FOLDER),
        "url": f"{url.rstrip('/')}/feeds/",
        "title": f"Avisos / Warnings: {author}",
        "author": author,
    }
    feed = ChannelConfig(name=NAME, plugin="feed", status=status, options=options)
    return msgspec.structs.replace(config, channel=(*config.channel, feed))


def folder_of(office: Office) -> Path | None:
    """The folder of the first feed that carries what is sent here; None: there is no feed."""
    for channel in office.config.channel:
        if channel.plugin == "feed" and channel.status == office.status:
            return office.base / str(channel.options["path"])
    return None


def kind_of(path: str) -> tuple[str, str] | None:
    """Media type and caching of a file of the feed, by its path below the folder; None for what is none of it.

    >>> kind_of("alerts/a-1.xml")[0], kind_of("alerts/../../log.sqlite"), kind_of(".htaccess")
    ('application/cap+xml; charset=utf-8', None, None)
    """
    parts = path.split("/")
    if parts[0] in ("atom.xml", "rss.xml"):
        return _KINDS[parts[0]] if len(parts) == 1 else None
    if len(parts) == 2 and parts[0] in _KINDS and parts[1].endswith(".xml") and not parts[1].startswith("."):
        return _KINDS[parts[0]]
    return None
