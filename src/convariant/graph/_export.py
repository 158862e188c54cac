"""torch.export, called so that it takes as many networks as it can, with errors that say where."""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from convariant.errors import ConvariantError, GraphError

Examples: TypeAlias = torch.Tensor | Sequence[Any] | Mapping[str, Any]

# what a module's forward, or the tracing of it, may raise
FAILURES = (
    RuntimeError,  # also torch's export and shape errors
    TypeError,
    ValueError,
    AttributeError,
    LookupError,
    AssertionError,
    ArithmeticError,
)

# sys.stderr is one for all threads; a fork waits until it is itself again
_STDERR = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_STDERR.acquire, after_in_parent=_STDERR.release, after_in_child=_STDERR.release
    )


def export(module: nn.Module, examples: Examples, dynamic_batch: bool) -> ExportedProgram:
    """The module as an exported program, in eval mode, free of operators that change in place.

    Raises GraphError, naming the module in which it happened, where torch.export refuses.
    """
    if not isinstance(module, nn.Module):
        raise GraphError(
            f"from_torch takes a torch.nn.Module, but got {type(module).__name__}; "
            "wrap a function in a module with that forward"
        )
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise GraphError(
            "torch.export takes no ScriptModule; give the module that was scripted or traced"
        )
    args, kwargs = _call_arguments(examples)
    shapes = None
    if dynamic_batch:
        args, kwargs = pytree.tree_map(_two_or_more, (args, kwargs))
        shapes = _open_batches(module, args, kwargs)
    try:
        with evaluating(module), torch.no_grad(), _quiet(), _without_dump():
            program = torch.export.export(module, args, kwargs, dynamic_shapes=shapes, strict=False)
            program = without_changing_views(program)
    except FAILURES as error:
        path = _failing_module(module, args, kwargs)
        raise GraphError(_refusal(error, path, dynamic_batch)) from error
    return program


@contextlib.contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Eval mode inside; afterwards every submodule has the mode it had."""
    modes = [(m, m.training) for m in module.modules()]
    try:
        module.eval()
    except NotImplementedError:  # of what torch.export made, where eval() stops half-way
        for m, _ in modes:
            m.training = False
    try:
        yield
    finally:
        for m, training in modes:
            m.training = training


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's warnings and log lines about what it tries; errors say what matters."""
    logger = logging.getLogger("torch.fx.experimental.symbolic_shapes")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _without_dump() -> Iterator[None]:
    """Without the graph so far, which torch.export prints where it fails; the rest comes after.

    One thread at a time: two that set sys.stderr back in another order would lose it.
    """
    written, dump = io.StringIO(), None
    try:
        with _STDERR, contextlib.redirect_stderr(written):
            yield
    except FAILURES as error:
        if hasattr(error, "partial_fx_graph"):
            dump = f"{error.partial_fx_graph}\n"
        raise
    finally:
        text = written.getvalue()
        sys.stderr.write(text if dump is None else text.replace(dump, ""))


def _call_arguments(examples: Examples) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(examples, torch.Tensor):
        return (examples,), {}
    if isinstance(examples, Mapping):
        return (), dict(examples)
    return tuple(examples), {}


def _two_or_more(leaf: Any) -> Any:
    """torch.export takes sizes 0 and 1 for fixed; an example with a batch of 2 stays open."""
    if isinstance(leaf, torch.Tensor) and leaf.dim() and leaf.shape[0] < 2:
        return leaf.new_empty((2, *leaf.shape[1:]))
    return leaf


def _open_batches(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    batch = torch.export.Dim("batch")

    def opened(leaf: Any) -> dict[int, Any] | None:
        return {0: batch} if isinstance(leaf, torch.Tensor) and leaf.dim() else None

    try:
        bound = inspect.signature(module.forward).bind(*args, **kwargs)
    except TypeError as error:
        raise GraphError(
            f"cannot capture the network: its forward {error}; give it the arguments that it takes"
        ) from error
    return pytree.tree_map(opened, dict(bound.arguments))


def without_changing_views(program: ExportedProgram) -> ExportedProgram:
    """The program, rewritten where an in-place operator changes what another value looks at."""
    return program.run_decompositions({}) if _changes_views(program) else program


def _changes_views(program: ExportedProgram) -> bool:
    """Whether an in-place operator writes to memory that another value looks at.

    Otherwise each in-place operator is the plain one under a new name, and the slow rewriting of
    the program by torch can be left out.
    """
    return any(
        _mutates(node) and (_views(written) or any(_views(user) for user in written.users))
        for node in program.graph.nodes
        for written in written_by(node)
    )


def _mutates(node: torch.fx.Node) -> bool:
    target = node.target
    if not isinstance(target, torch._ops.OpOverload) or target is torch.ops.aten.detach_.default:
        return False
    return target._schema.is_mutable


def written_by(node: torch.fx.Node) -> list[torch.fx.Node]:
    """The values that an in-place operator changes."""
    if not _mutates(node):
        return []
    assert isinstance(node.target, torch._ops.OpOverload)
    schema = node.target._schema.arguments
    positional = zip(schema, node.args, strict=False)
    named = ((a, node.kwargs[a.name]) for a in schema if a.name in node.kwargs)
    return [
        value
        for argument, value in (*positional, *named)
        if argument.alias_info is not None
        and argument.alias_info.is_write
        and isinstance(value, torch.fx.Node)
    ]


# in eval mode these give their argument back without saying so in their schema
_PASS_THROUGH = ("aten.dropout", "aten.feature_dropout", "aten.alpha_dropout")


def _views(node: torch.fx.Node) -> bool:
    """Whether the value of a node shares memory with an argument that it leaves unchanged."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return False
    if str(node.target).startswith(_PASS_THROUGH):
        return True
    returns = node.target._schema.returns
    return any(r.alias_info is not None and not r.alias_info.is_write for r in returns)


def _failing_module(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The path of the innermost module whose forward fails on such inputs; '' if none does."""
    from torch._subclasses import FakeTensorMode

    running: list[str] = []
    handles = []
    for path, part in module.named_modules():
        handles.append(part.register_forward_pre_hook(_entering(running, path)))
        handles.append(part.register_forward_hook(_leaving(running)))
    try:
        with (
            FakeTensorMode(allow_non_fake_inputs=True) as mode,
            evaluating(module),
            torch.no_grad(),
            _quiet(),
        ):
            fake = pytree.tree_map_only(torch.Tensor, mode.from_tensor, (args, kwargs))
            module(*fake[0], **fake[1])
    except FAILURES:
        return running[-1] if running else ""
    finally:
        for handle in handles:
            handle.remove()
    return ""


def _entering(running: list[str], path: str) -> Any:
    return lambda _module, _args: running.append(path)


def _leaving(running: list[str]) -> Any:
    def leave(_module: nn.Module, _args: Any, _result: Any) -> None:
        running.pop()

    return leave


def _refusal(error: BaseException, path: str, dynamic_batch: bool) -> str:
    said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    if isinstance(error, ConvariantError):  # names its module and a fix
        return f"cannot capture {path or 'the network'}: {said}"
    if dynamic_batch and not path:
        fix = "capture it with dynamic_batch=False"
    elif "data-dependent" in str(error) or "DataDependent" in type(error).__name__:
        fix = (
            "the network decides by values it computes: replace `if` on tensors by torch.where, "
            "and .item() by a tensor"
        )
    else:
        fix = "make sure that module(*example_inputs) runs"
    return f"cannot capture {path or 'the network'}: {said.strip()}; {fix}"
