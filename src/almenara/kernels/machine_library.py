"""Libraries of numba's machine code packed for a file, and made ready to run again without what only compiling needs.

Reading machine code back as numba does, half the time goes into two things that running needs not: compiling numba's
memory manager, and parsing the bitcode beside the machine code, which serves to build one kernel into another. Here the
memory manager is packed too, and bitcode is parsed when it is asked for. Rests on inner parts of numba 0.68.
"""

from typing import Any

import llvmlite.binding
from numba.core import config
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompileResult
from numba.core.runtime import nrt

# numba and llvmlite have no types for these.
_llvm: Any = llvmlite.binding
_config: Any = config
_nrt: Any = nrt
_result: Any = CompileResult

#: A library: its name, its machine code, its bitcode, and the symbols that it defines.
Packed = tuple[str, bytes, bytes, frozenset[str]]


class _Library(JITCodeLibrary):
    """Machine code whose bitcode is parsed when a kernel that calls it is compiled."""

    packed: Packed

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            self._shared_module = _llvm.parse_bitcode(self.packed[2])
        return self._shared_module


def pack(made: Any) -> tuple[Any, ...]:
    """What numba made of a function, as values that can be pickled."""
    assert not made.reload_init, "no kernel needs anything done before it is loaded"
    (name, _, (code, bitcode)), *about, environments = made._reduce()
    # An environment holds a function's globals, for printing and for exceptions put together at run time. Those of
    # numba's own functions would load its rules after all; without one, such an exception is RuntimeError instead.
    own = tuple(one for one in environments if not one.globals["__name__"].startswith("numba."))
    library = (name, code, bitcode, _symbols(made.library._get_module_for_linking()))
    return (*about, own, library, _pack_runtime(made.library.codegen))


def unpack(context: Any, packed: tuple[Any, ...]) -> Any:
    """What `pack` was given, in a process that may have done nothing with numba yet."""
    *about, environments, library, runtime = packed
    function, environment, signature, objectmode, lifted, types, reload_init = about
    _start_runtime(context, runtime)
    ready = _load(context.codegen(), library)
    for one in environments:
        ready.codegen.set_env(one.env_name, one)
    return _result(
        typing_context=context.typing_context, target_context=context, library=ready, environment=environment,
        entry_point=context.get_executable(ready, function, environment), fndesc=function, type_annotation=types,
        signature=signature, objectmode=objectmode, lifted=lifted, typing_error=None, call_helper=None, metadata=None,
        reload_init=reload_init, referenced_envs=environments,
    )  # fmt: skip


def _load(codegen: Any, packed: Packed) -> Any:
    name, code, _, symbols = packed
    create: Any = _Library
    library = create(codegen, name)
    library.packed = packed
    library.enable_object_caching()
    library._set_compiled_object(code)
    library._finalize_final_module()  # of an empty module: the machine code takes its place
    codegen._engine._defined_symbols |= symbols
    return library


def _symbols(module: Any) -> frozenset[str]:
    return frozenset(
        one.name for some in (module.functions, module.global_variables) for one in some if not one.is_declaration
    )


def _pack_runtime(codegen: Any) -> Packed:
    library = _nrt.rtsys.library
    if isinstance(library, _Library):
        return library.packed
    module = library._get_module_for_linking()
    return library.name, codegen._tm.emit_object(library._final_module), module.as_bitcode(), _symbols(module)


def _start_runtime(context: Any, packed: Packed) -> None:
    """As numba's `rtsys.initialize`, with a memory manager that is compiled already."""
    if _nrt.rtsys._init:
        return
    if _config.NRT_STATS:
        _nrt._nrt.memsys_enable_stats()
    for name, address in _nrt._nrt.c_helpers.items():
        _llvm.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)
    _nrt.rtsys._library = _load(context.codegen(), packed)
    _nrt.rtsys._init = True
