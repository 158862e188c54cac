"""A network as native code that is called like the model it was made from."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from convariant.compiler._capture import capture, own_precision, warn_of_formats
from convariant.compiler._explain import explain_layer
from convariant.compiler._inputs import (
    Array,
    Examples,
    as_tensor,
    check_inputs,
    check_threads,
    check_tolerance,
    example_arguments,
)
from convariant.compiler._instance import Instance
from convariant.compiler._tuning import find_ranks
from convariant.compiler.llvm import Target, host_target
from convariant.compiler.llvm.cache import ObjectCache
from convariant.compiler.passes import explain_passes, run_passes, split_batch
from convariant.compiler.plan import make_plan
from convariant.errors import CompileError, GraphError, ShapeError
from convariant.graph import (
    Graph,
    TensorType,
    flatten_arguments,
    interpret,
    nest_results,
)

if TYPE_CHECKING:
    from convariant.compiler.report import Report

__all__ = ["Program", "compile"]

# Operations, some 15 microseconds of them, below which another thread is not worth waking.
_WORK_PER_THREAD = 3_000_000
# Programs for other input shapes that are kept; the one not used for longest makes room.
_SHAPES_KEPT = 8

# torch.export, which reads a network anew for another shape, takes one at a time.
_compiling = threading.RLock()


def compile(
    model: nn.Module | ExportedProgram | Graph | str | os.PathLike[str],
    example_inputs: Examples | None = None,
    *,
    threads: int | None = None,
    tolerance: float = 1e-4,
    cache_dir: str | os.PathLike[str] | None = None,
    tune: bool = False,
) -> Program:
    """A trained network as native code for this machine's CPU.

    Args:
        model: a module, whose weights are copied: later training does not change the program.
            Whatever mode it is in, dropout and batch norms act as in eval mode. Or what
            torch.export made of one, a graph, or the path of an ONNX file.
        example_inputs: a call as the program will be called, with tensors or arrays of the shapes
            to compile for: one, or a sequence of arguments (nested in lists, tuples and dicts,
            with numbers, flags and None among them), or a mapping of arguments by name. Only a
            module needs it, and where not all sizes are known.
        threads: how many to run on; by default as many as PyTorch uses, fewer for a network so
            small that they would mostly wait for each other.
        tolerance: the error, relative to the largest output, that algorithms with fewer products
            than the definition (Winograd's, Strassen's) may add in all. Each of n convolutions may
            take tolerance / sqrt(n) of it: they round independently of each other.
        cache_dir: where compiled kernels are kept; by default the user's cache folder.
        tune: choose among the ways to compute a layer by running them here, rather than by
            estimate: takes a few times as long to compile, once, and is remembered in the cache.

    Results carry no gradient, whatever the inputs ask for, and are those of the model's own number
    formats, also within torch.autocast. Kernels compute in float32: a network in another format
    (`model.half()`, `model.double()`) is run by PyTorch, and a warning says so.

    Raises:
        CompileError: arguments that make no sense together.
        GraphError: a network that cannot be captured.

    >>> import torch, convariant as cv
    >>> model = cv.models.create("lenet5").eval()
    >>> fast = compile(model, torch.zeros(1, 1, 28, 28), threads=1)
    >>> x = torch.randn(1, 1, 28, 28)
    >>> torch.allclose(fast(x), model(x), atol=1e-5)
    True
    """
    check_threads(threads)
    tolerance = check_tolerance(tolerance)
    graph, shapes = capture(model, *example_arguments(example_inputs))
    program = Program(
        graph,
        threads=threads,
        tolerance=tolerance,
        cache=None if cache_dir is None else ObjectCache.at(cache_dir, host_target()),
        tune=tune,
    )
    warn_of_formats(program.prepare(*shapes).plan, stacklevel=2)
    return program


@dataclass(frozen=True)
class _Quick:
    """The call of a network from one tensor to one tensor, again with the shape it last had."""

    shape: tuple[int, ...]
    instance: Instance

    def takes(self, x: Any) -> bool:
        """Whether the value is just what the instance is for."""
        if type(x) is np.ndarray:
            return x.shape == self.shape and x.dtype == np.float32 and x.flags.carray
        try:
            return (
                type(x) is Tensor
                and x.shape == self.shape
                and x.dtype is torch.float32
                and x.is_cpu
                and x.is_contiguous()
                and x.data_ptr() != 0
            )
        except RuntimeError:  # it has no shape, or no memory: `check_inputs` says more
            return False

    def __call__(self, x: Array) -> Array:
        """The result, of the same kind as `x`."""
        if isinstance(x, np.ndarray):
            return self.instance.run_shortcut(torch.from_numpy(x)).numpy()
        return self.instance.run_shortcut(x)


class Program:
    """A network as native code: call it like the model. Make one with `compile`.

    A call with inputs of another shape compiles for that shape first, and keeps the last few.
    Several Python threads may call one program; they take turns.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        threads: int | None = None,
        tolerance: float = 1e-4,
        cache: ObjectCache | None = None,
        target: Target | None = None,
        tune: bool = False,
    ) -> None:
        self.graph = graph
        self.target = target or host_target()
        self.threads = threads or _worthwhile_threads(graph)
        self.tolerance = tolerance
        self.tune = tune
        self.cache = cache or ObjectCache.at(None, self.target)
        self._instances: OrderedDict[tuple[tuple[int, ...], ...], Instance] = OrderedDict()
        self._simple = _maps_tensor_to_tensor(graph)
        self._quick: _Quick | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The model's result for these inputs: tensors for tensors, arrays for arrays."""
        quick = self._quick
        if quick is not None and len(args) == 1 and not kwargs and quick.takes(args[0]):
            return quick(args[0])
        flat = flatten_arguments(self.graph, args, kwargs)
        arrays = any(isinstance(value, np.ndarray) for value in flat)
        tensors = [as_tensor(v) if isinstance(v, np.ndarray) else v for v in flat]
        check_inputs(self.graph, tensors, flat)
        results = self._run(tensors)
        if arrays:
            return nest_results(self.graph, tuple(r.numpy() for r in results))
        return nest_results(self.graph, results)

    def __copy__(self) -> Program:
        """Itself: a program does not change."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Program:
        """Itself, also as a part of something else that is copied."""
        return self

    def __reduce__(self) -> NoReturn:
        """Not pickled: it is code for this machine, and has a file format of its own."""
        raise CompileError(
            f"a program ({self.graph.name}) is not pickled; call fast.save(path), and "
            "convariant.load(path) where it is needed"
        )

    def prepare(self, *shapes: tuple[int, ...]) -> Instance:
        """Compile for inputs of these shapes, unless that is done; by default the graph's own."""
        key = shapes or tuple(t.sizes for t in self.graph.input_types)
        instance = self._known(key)
        if instance is None:
            with _compiling:
                instance = self._known(key) or self._make(key)
        if self._simple and instance.shortcut is not None:
            self._quick = _Quick(instance.shapes[0], instance)
        return instance

    def _known(self, key: tuple[tuple[int, ...], ...]) -> Instance | None:
        """The instance for these shapes; another thread may drop it at any moment."""
        try:
            self._instances.move_to_end(key)
            return self._instances[key]
        except KeyError:
            return None

    def _make(self, key: tuple[tuple[int, ...], ...]) -> Instance:
        with own_precision():
            sized = _sized(self.graph, key)
        with own_precision(sized):
            part, rounds = split_batch(sized)
            graph = run_passes(part)
        how = (self.target, self.threads, self.tolerance)
        ranks = find_ranks(graph, *how, self.cache) if self.tune else None
        plan = make_plan(graph, *how, ranks)
        plan.rounds = rounds
        instance = self._instances[key] = Instance(plan, self.cache)
        if len(self._instances) > _SHAPES_KEPT:
            self._instances.popitem(last=False)
        return instance

    def adopt(self, shapes: tuple[tuple[int, ...], ...], instance: Instance) -> None:
        """Use an instance that was compiled before for inputs of these shapes."""
        self._instances[shapes] = instance

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the program as one file, which `convariant.load` opens without the model's code.

        It holds the network and, for the input shapes used last, the compiled code.

        Raises:
            CompileError: an operator that PyTorch runs is in the network.
            StorageError: the file cannot be written; what was there is untouched.
        """
        from convariant.compiler.saving import save_program

        save_program(self, path)

    @property
    def report(self) -> Report:
        """Time, algorithm, share of peak and error of every step, measured now."""
        from convariant.compiler.report import make_report

        instance = self.latest()
        return make_report(instance, _sized(self.graph, instance.shapes))

    def explain(self, layer: str, *, whole: bool = False) -> str:
        """LLVM IR and assembly of each kernel of a layer, found by module path or node name.

        A heading says what the kernel is, why it was chosen, and what its inner loop is made of:
        the cycles are the least that two products, two loads and one store in each allow. Then
        that loop, where most of the time goes, and the start of its IR; with `whole` all code.

        Raises:
            UnknownNameError: no layer of that name has a kernel.
        """
        return explain_layer(self.latest().plan, layer, whole=whole)

    def explain_passes(self) -> str:
        """What each pass changes in the network, in the order they run: nodes gone and new."""
        return explain_passes(split_batch(_sized(self.graph, self.latest().shapes))[0])

    def latest(self) -> Instance:
        """The instance that ran last, or that of the graph's own sizes."""
        if self._instances:
            return next(reversed(self._instances.values()))
        return self.prepare()

    def _run(self, tensors: list[Tensor]) -> tuple[Tensor, ...]:
        if any(tensor.numel() == 0 for tensor in tensors):
            with own_precision(self.graph):
                sized = _sized(self.graph, tuple(tuple(t.shape) for t in tensors))
                return interpret(sized, *tensors)
        instance = self.prepare(*(tuple(t.shape) for t in tensors))
        given = {
            name: tensor.detach().resolve_neg().contiguous()
            for name, tensor in zip(self.graph.inputs, tensors, strict=True)
        }
        return instance.run(given)


def _worthwhile_threads(graph: Graph) -> int:
    """As many threads as PyTorch has, but each with work that is worth the meeting."""
    sized = graph if all(_is_sized(t) for t in graph.input_types) else graph.at_batch(1)
    work = sum(node.op.cost(*sized.node_types(node)).flops for node in sized.nodes)
    return max(1, min(torch.get_num_threads(), work // _WORK_PER_THREAD))


def _is_sized(type_: TensorType) -> bool:
    return all(isinstance(size, int) for size in type_.shape)


def _maps_tensor_to_tensor(graph: Graph) -> bool:
    """Whether a call is one float32 tensor for one, without any nesting."""
    if len(graph.inputs) != 1 or graph.input_types[0].dtype != torch.float32:
        return False
    if graph.structure is None:
        return len(graph.outputs) == 1
    one = torch.empty(0)
    call, result = pytree.tree_structure(((one,), {})), pytree.tree_structure(one)
    return graph.structure.call == call and graph.structure.result == result


def _sized(graph: Graph, shapes: tuple[tuple[int, ...], ...]) -> Graph:
    """The graph for inputs of these shapes."""
    if tuple(t.shape for t in graph.input_types) == shapes:
        return graph
    try:
        return graph.with_inputs(*shapes)
    except GraphError as error:
        raise ShapeError(
            f"{graph.name} was captured for {', '.join(map(str, graph.input_types))} and does not "
            f"take inputs of {' and '.join(map(str, shapes))}: {error}"
        ) from error


def _renew() -> None:
    """In a forked child nobody else is compiling."""
    global _compiling
    _compiling = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
