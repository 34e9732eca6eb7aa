"""How this package compiles its geometry: cached on disk, without the interpreter lock, without fast-math."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile at the first call for each set of argument types; division by zero gives inf or NaN as in NumPy."""
    return cast(F, njit(cache=True, nogil=True, error_model="numpy")(function))


def inlined(function: F) -> F:
    """As `compiled`, but written out in each caller, where numba then knows all its types."""
    return cast(F, njit(cache=True, nogil=True, error_model="numpy", inline="always")(function))
