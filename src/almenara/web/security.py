"""Who may do what: until the accounts are here, nobody may do anything that is not open to all."""

from collections.abc import Callable

from almenara.web.problems import Problem

#: Paths that need no sign-in.
OPEN: frozenset[str] = frozenset({"/healthz", "/readyz"})


class Refusal:
    """A dependency that lets nobody in."""

    def __init__(self, action: str) -> None:
        self.action = action

    def __call__(self) -> None:
        raise Problem(401, "not-signed-in", "Sign in first.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Refusal) and other.action == self.action

    def __hash__(self) -> int:
        return hash((Refusal, self.action))


def require(action: str) -> Callable[[], None]:
    """A dependency of a route: whoever calls may do `action`, or is refused."""
    return Refusal(action)
