"""The OASIS Event Terms List 1.2: what kind of event a message is about, in a code that programs everywhere know.

The list is the one of "Event Terms List for Use with the Common Alerting Protocol Version 1.2" (OASIS Committee Note
01, 19 November 2020), named `OET:v1.2` in an eventCode. Its later renaming, `OET:v1.0`, numbers some terms otherwise
(snow is OET-182 here and OET-184 there): a code without the name of its list says nothing.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

#: The valueName of an eventCode of this list.
LIST_NAME = "OET:v1.2"

FIRE = "OET-078"
WILDFIRE = "OET-217"
FOREST_FIRE = "OET-086"
EARTHQUAKE = "OET-068"
TSUNAMI = "OET-203"
LANDSLIDE = "OET-119"
FLOOD = "OET-081"
FLASH_FLOOD = "OET-079"
COASTAL_FLOOD = "OET-042"
ASHFALL = "OET-017"
VOLCANIC_ACTIVITY = "OET-208"
VOLCANIC_ERUPTION = "OET-209"
LAHAR = "OET-210"
STORM = "OET-187"
THUNDERSTORM = "OET-194"
TROPICAL_STORM = "OET-202"
WIND = "OET-218"
#: The list has no term for an evacuation, which is a response (responseType Evacuate), not an event.
OTHER = "OET-000"
#: For messages of status Test and Exercise about nothing in particular.
PRACTICE = "OET-147"


@cache
def event_terms() -> Mapping[str, str]:
    """All terms by their code.

    >>> event_terms()[WILDFIRE], len(event_terms())
    ('wildfire', 224)
    """
    text = files("almenara.model.cap").joinpath("event-terms.txt").read_text(encoding="utf-8")
    lines = (line.partition(" ") for line in text.splitlines() if not line.startswith("#"))
    return MappingProxyType({code: term for code, _, term in lines})
