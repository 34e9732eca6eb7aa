"""How this package compiles its geometry: cached on disk, without the interpreter lock, without fast-math.

numba looks at a function's own file to tell whether its cached code is stale, not at the files it calls into: after
an edit of `geodesy.py`, remove `__pycache__/*.nb?` of this folder.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile at the first call for each set of argument types; division by zero gives inf or NaN as in NumPy."""
    return cast(F, njit(cache=True, nogil=True, error_model="numpy")(function))
