"""Compile a whole entry as one program.

By default numba finishes every function on its own: links in what it calls, optimises the lot and
emits machine code, so a helper is optimised again in each of its callers up to the top. For the
core that took 54 s. Here a helper stops after lowering: its library keeps the plain LLVM code and a
list of what it calls. An entry collects all of it, links each function once and optimises once.

Only entries can be called from Python; a helper's own machine code never exists.
"""

from typing import Any

from numba import _dynfunc, types  # type: ignore[attr-defined]
from numba.core import compiler, typed_passes
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


@register_pass(mutates_CFG=True, analysis_only=False)
class HelperLowering(NativeLowering):
    """Lower a helper and leave it unfinished."""

    _name = "helper_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower the function with an executable that is only a name."""
        context = state.targetctx
        context.get_executable = _name_only
        try:
            return bool(super().run_pass(state))
        finally:
            del context.get_executable


@register_pass(mutates_CFG=True, analysis_only=False)
class EntryLowering(NativeLowering):
    """Lower an entry and link in everything that it reaches."""

    _name = "entry_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower the function; its library is finished when its executable is asked for."""
        context = state.targetctx
        finish = context.get_executable

        def finish_program(library: Any, fndesc: Any, env: Any) -> Any:
            own = {function.name for function in library._final_module.functions}  # noqa: SLF001
            _link_all(library)
            _keep_helpers_inside(library, own)
            return finish(library, fndesc, env)

        context.get_executable = finish_program
        try:
            return bool(super().run_pass(state))
        finally:
            del context.get_executable


def _name_only(library: Any, fndesc: Any, env: Any) -> Any:
    """Make the object that numba knows a compiled function by, and let the library count as done."""
    library._finalized = True  # noqa: SLF001
    name = fndesc.qualname.split(".")[-1]
    return _dynfunc.make_function(fndesc.lookup_module(), name, name, 0, env, (library,))


def _link_all(library: Any) -> None:
    """Make every library that this one reaches a direct link, once."""
    known = set(library._linking_libraries)  # noqa: SLF001
    waiting = list(library._linking_libraries)  # noqa: SLF001
    while waiting:
        for reached in waiting.pop()._linking_libraries:  # noqa: SLF001
            if reached not in known:
                known.add(reached)
                waiting.append(reached)
                library.add_linking_library(reached)


def without_literals(dispatcher: Any) -> Any:
    """Let a function be compiled once for all integers: a constant argument is just an int64.

    Left alone, numba makes a version of the function for every constant it is called with.
    """
    compile_for = dispatcher.get_call_template

    def get_call_template(args: Any, kws: Any) -> Any:
        return compile_for([_plain(arg) for arg in args], {k: _plain(v) for k, v in kws.items()})

    dispatcher.get_call_template = get_call_template
    return dispatcher


def _plain(arg: Any) -> Any:
    arg = types.unliteral(arg)
    return types.int64 if isinstance(arg, types.IntEnumMember) else arg


def _keep_helpers_inside(library: Any, own: set[str]) -> None:
    """Let LLVM know, once all is linked, that nobody else calls the helpers: it may drop them."""
    optimize = library._optimize_final_module  # noqa: SLF001

    def optimize_program() -> None:
        for function in library._final_module.functions:  # noqa: SLF001
            if not function.is_declaration and function.name not in own:
                function.linkage = "internal"
                if not any(b"alwaysinline" in known for known in function.attributes):
                    function.add_function_attribute("noinline")
        optimize()

    library._optimize_final_module = optimize_program  # noqa: SLF001


def _with_lowering(state: Any, lowering: type[NativeLowering]) -> list[Any]:
    pipeline = compiler.DefaultPassBuilder.define_nopython_pipeline(state)
    pipeline.passes = [
        (lowering if step is typed_passes.NativeLowering else step, about)
        for step, about in pipeline.passes
    ]
    pipeline.finalize()
    return [pipeline]


class Helper(compiler.CompilerBase):
    """The pipeline of a function that is called by the core only."""

    def define_pipelines(self) -> list[Any]:
        """Return the usual pipeline with its own lowering."""
        return _with_lowering(self.state, HelperLowering)


class Entry(compiler.CompilerBase):
    """The pipeline of a way into the core."""

    def define_pipelines(self) -> list[Any]:
        """Return the usual pipeline with its own lowering."""
        return _with_lowering(self.state, EntryLowering)
