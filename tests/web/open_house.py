"""`almenara`, but whoever comes may do everything: for tests of what lies behind the door."""

from almenara.cli import main
from almenara.web.security import Refusal


def let_in(self: Refusal) -> None:
    """Anybody."""


Refusal.__call__ = let_in  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
