"""Which of several versions of one detection counts: FIRMS' `version` as a number, higher = better."""

import re

#: How the data were made. Standard processing (SP, the science archive) has final orbits and calibration; near real
#: time (NRT, within 3 h) replaces real time (RT, within 30 min) and ultra real time (URT, within 60 s).
_PROCESSING = {"URT": 2, "RT": 3, "NRT": 4, "SP": 5, "": 5}
#: A FIRMS row that does not tell: above other providers' copies (0), below everything that FIRMS names.
UNKNOWN = 10_000
_VERSION = re.compile(r"(\d{1,3}(?:\.\d{1,3})?) *([A-Z]*)")


def rank(version: str) -> int:
    """The processing level decides, then the collection; what cannot be read ranks lowest and refuses nothing.

    >>> ranked = ["", "2.0URT", "2.0RT", "1.0NRT", "2.0NRT", "6.1NRT", "1", "2", "6.03", "61"]
    >>> [rank(version) for version in ranked] == sorted(rank(version) for version in ranked)
    True
    >>> rank("61") == rank("6.1") == rank("6.1SP") == rank("061")
    True
    """
    match = _VERSION.fullmatch(version.strip().upper())
    if match is None or match[2] not in _PROCESSING:
        return UNKNOWN
    collection = float(match[1])
    if "." not in match[1] and collection >= 10:  # MODIS writes collection 6.1 as 61, too
        collection /= 10
    return _PROCESSING[match[2]] * 10_000 + min(round(collection * 100), 9_999)
