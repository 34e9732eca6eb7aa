"""Holds off Python's search for cyclic garbage where a run makes very many values that all live on to its end."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unsearched() -> Iterator[None]:
    """No search for cycles meanwhile: each would walk all hazards of a run anew, and there is nothing to be found.

    Reference counting frees all the same what is no longer needed.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
