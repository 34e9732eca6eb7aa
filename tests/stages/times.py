"""What a draft's bytes must be once it was let out at a later time, worked out on the text alone."""

import re
from datetime import datetime, timedelta

from almenara.model.cap import cap_time


def let_out(xml: bytes, waited: timedelta) -> bytes:
    """The draft with the times of its being let out: a Cancel keeps its end."""
    names = "sent|effective" if b"<msgType>Cancel" in xml else "sent|effective|expires"

    def later(found: re.Match[bytes]) -> bytes:
        time = datetime.fromisoformat(found[2].decode()) + waited
        return b"<" + found[1] + b">" + cap_time(time).encode() + b"</"

    return re.sub(rf"<({names})>([^<]+)</".encode(), later, xml)
