"""Asking for memory ahead of its use: numba has no word for it, LLVM has."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from almenara.kernels.jit import compiled

_READ, _KEEP, _DATA = 0, 3, 1  # arguments of LLVM's `llvm.prefetch`


def _call_prefetch(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    first = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    i8, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [i8, i32, i32, i32])
    insert: Any = cgutils.get_or_insert_function
    address = builder.bitcast(builder.gep(first, [arguments[1]]), i8)
    builder.call(insert(builder.module, kind, "llvm.prefetch.p0"), [address, i32(_READ), i32(_KEEP), i32(_DATA)])
    return context.get_dummy_value()


def _type_prefetch(_: Any, array: Any, at: Any) -> Any:
    return types.void(array, at), _call_prefetch


_prefetch: Any = intrinsic(_type_prefetch)


@compiled
def prefetch(array: NDArray[Any], at: int) -> None:
    """Ask for the memory of an entry of a flat, contiguous array. No address is wrong: nothing is read."""
    _prefetch(array, at)
