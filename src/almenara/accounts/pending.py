"""What a browser has begun and has to finish within minutes: kept once, in bounded memory, under a random name."""

from collections import OrderedDict
from typing import Generic, TypeVar

from almenara.accounts.tokens import digest, new_token

T = TypeVar("T")


class Pending(Generic[T]):
    """Values by tokens. Of more than `kept_max` the oldest goes."""

    def __init__(self, lasts_ms: int, kept_max: int = 10_000) -> None:
        self._lasts_ms, self._kept_max = lasts_ms, kept_max
        self._values: OrderedDict[bytes, tuple[T, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def put(self, value: T, now_ms: int) -> str:
        """Keep it; the token that takes it out again."""
        token = new_token()
        self._values[digest(token)] = (value, now_ms + self._lasts_ms)
        while len(self._values) > self._kept_max:
            self._values.popitem(last=False)
        return token

    def take(self, token: str, now_ms: int) -> T | None:
        """The value, once and in time; else None."""
        value, ends_ms = self._values.pop(digest(token), (None, 0))
        return value if now_ms < ends_ms else None
