"""How this package compiles its geometry: without the interpreter lock, without fast-math, kept for later processes."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit
from numpy.typing import NDArray

from almenara.kernels.machine_code import MachineCode

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile at the first call for each set of argument types; division by zero gives inf or NaN as in NumPy."""
    dispatcher: Any = njit(nogil=True, error_model="numpy")(function)
    dispatcher._cache = MachineCode(function)  # where numba's `cache=True` would put its own
    return cast(F, dispatcher)


def inlined(function: F) -> F:
    """As `compiled`, but written out in each caller, where numba then knows all its types."""
    return cast(F, njit(nogil=True, error_model="numpy", inline="always")(function))


def built_in(function: F) -> F:
    """As `compiled`, but LLVM writes it out in each caller, however long it is: a loop over it then takes registers."""
    dispatcher: Any = njit(nogil=True, error_model="numpy", forceinline=True)(function)
    dispatcher._cache = MachineCode(function)
    return cast(F, dispatcher)


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A view that may not be written: kernels see one type, whether the array came from Arrow, a file or a sum."""
    view = array.view()
    view.flags.writeable = False
    return view
