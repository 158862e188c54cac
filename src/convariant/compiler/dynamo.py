"""`torch.compile(model, backend="convariant")`: graphs of torch.compile as programs.

torch.compile cuts a model's Python code into graphs and hands each to `backend`. A graph becomes a
program when it is first called, once for each set of input shapes; one that cannot is run by
PyTorch as it is, with one warning that says why. Weights that change are seen, as `Watch` says.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode

from convariant.compiler._inputs import check_threads, check_tolerance
from convariant.compiler._watch import Watch
from convariant.compiler.program import Program, compile
from convariant.errors import CompileError, ConvariantError
from convariant.graph import from_torch
from convariant.graph._export import FAILURES

__all__ = ["backend"]

# Programs of one graph that are kept; the one not used for longest makes room.
_KEPT = 8
# What `options` may hold, as `compile` takes it.
_OPTIONS = ("threads", "tolerance", "cache_dir", "tune")


def backend(
    module: torch.fx.GraphModule,
    example_inputs: Sequence[Any],
    *,
    options: Mapping[str, Any] | None = None,
    mode: str | None = None,
) -> Callable[..., Any]:
    """The backend that torch.compile knows as "convariant"; for inference, on the CPU.

    `options` are those of `convariant.compile`: `torch.compile(model, backend="convariant",
    options={"threads": 1, "tolerance": 0})`. With `dynamic=True`, torch makes inputs of the numbers
    in a batch norm, and such a graph is left to PyTorch: leave `dynamic` out, and sizes are opened
    when they first change.

    Raises CompileError for options that it does not have; torch wraps it in its own error.

    >>> import torch, convariant as cv
    >>> model = cv.models.create("lenet5").eval()
    >>> fast = torch.compile(model, backend="convariant")
    >>> x = torch.randn(1, 1, 28, 28)
    >>> with torch.no_grad():
    ...     torch.allclose(fast(x), model(x), atol=1e-5)
    True
    """
    return _Compiled(module, example_inputs, _checked(options or {}, mode))


def _checked(options: Mapping[str, Any], mode: str | None) -> dict[str, Any]:
    """The options; raises CompileError for what is none."""
    if mode not in (None, "default"):
        raise CompileError(
            f"mode={mode!r} is one of inductor's; give "
            'options={"tune": True} to choose algorithms by running them, and leave mode out'
        )
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown:
        raise CompileError(
            f'no option {unknown[0]!r}; torch.compile(..., backend="convariant") has '
            f"{', '.join(_OPTIONS)}"
        )
    check_threads(options.get("threads"))
    if "tolerance" in options:
        check_tolerance(options["tolerance"])
    return dict(options)


class _Compiled:
    """One graph of torch.compile, called with its inputs in order: weights, sizes, tensors."""

    def __init__(
        self,
        module: torch.fx.GraphModule,
        example_inputs: Sequence[Any],
        options: Mapping[str, Any],
    ) -> None:
        self._module, self._options = module, options
        placeholders = [node for node in module.graph.nodes if node.op == "placeholder"]
        self._fixed = [
            place
            for place, (node, value) in enumerate(zip(placeholders, example_inputs, strict=True))
            if isinstance(value, nn.Parameter) or _is_state(node)
        ]
        self._free = [
            place
            for place, value in enumerate(example_inputs)
            if isinstance(value, Tensor) and place not in self._fixed
        ]
        self._weights: list[tuple[int, int, int]] = []
        self._watch = Watch([])
        self._programs: OrderedDict[Any, Program] = OrderedDict()
        self._eager = False

    def __call__(self, *args: Any) -> Any:
        """What the graph computes; torch.compile asks for all results in a row."""
        if self._eager:
            return self._module(*args)
        try:
            return self._program(args)(*(args[place] for place in self._free))
        except ConvariantError as error:
            self._eager = True
            warnings.warn(
                'torch.compile(backend="convariant") runs a graph of '
                f"{len(self._module.graph.nodes)} nodes with PyTorch as it is: {error}",
                stacklevel=2,
            )
            return self._module(*args)

    def _program(self, args: tuple[Any, ...]) -> Program:
        """The program for these shapes and sizes, with the weights as they are now."""
        fixed = [args[place] for place in self._fixed]
        weights = [(id(tensor), tensor._version, tensor.data_ptr()) for tensor in fixed]
        # loaded anew, or written to, or given other memory; or written to by way of `.data`
        if weights != self._weights or self._watch.changed():
            self._programs.clear()
            self._weights, self._watch = weights, Watch(fixed)
        key = tuple(tuple(a.shape) if isinstance(a, Tensor) else a for a in args)
        program = self._programs.get(key)
        if program is None:
            _check(self._module, args)
            bound = _Bound(self._module, args, self._free).eval()
            graph = from_torch(bound, tuple(args[place] for place in self._free))
            program = compile(graph, **self._options)
            self._programs[key] = program
            if len(self._programs) > _KEPT:
                self._programs.popitem(last=False)
        self._programs.move_to_end(key)
        return program


class _Bound(nn.Module):
    """A graph as a function of its tensors alone, weights and sizes filled in."""

    def __init__(self, module: torch.fx.GraphModule, args: Sequence[Any], free: list[int]) -> None:
        super().__init__()
        self.graph = module
        self._args, self._free = list(args), free
        for place, value in enumerate(args):
            if isinstance(value, Tensor) and place not in free:
                self.register_buffer(f"weight_{place}", value.detach())

    def forward(self, *inputs: Tensor) -> Any:
        """The graph's results."""
        args = [getattr(self, f"weight_{place}", value) for place, value in enumerate(self._args)]
        for place, value in zip(self._free, inputs, strict=True):
            args[place] = value
        return self.graph(*args)


def _check(module: torch.fx.GraphModule, args: tuple[Any, ...]) -> None:
    """Raise CompileError for what a program would not do as PyTorch does."""
    tensors = [value for value in args if isinstance(value, Tensor)]
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        raise CompileError(
            "its results must know how to go backward, but a program only goes forward; call the "
            "model inside torch.no_grad()"
        )
    devices = {tensor.device.type for tensor in tensors} - {"cpu"}
    if devices:
        raise CompileError(
            f"its tensors are on {min(devices)}, but a program runs on the CPU; call model.cpu()"
        )
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        fakes = [mode.from_tensor(a) if isinstance(a, Tensor) else a for a in args]
        versions = [fake._version for fake in fakes if isinstance(fake, Tensor)]
        try:
            module(*fakes)
        except FAILURES as error:
            raise CompileError(
                f"it cannot be followed without data ({str(error).splitlines()[0]}); make no "
                "Python numbers of tensors, or compile with dynamic=False"
            ) from error
        if versions != [fake._version for fake in fakes if isinstance(fake, Tensor)]:
            raise CompileError(
                "it writes to one of its inputs or buffers, but a program has no memory; call "
                "model.eval() first"
            )


def _is_state(node: torch.fx.Node) -> bool:
    """Whether a placeholder is a buffer of the model, which torch.compile guards as its own."""
    return "_dynamo_static_input_type" in node.meta.get("tensor_dict", {})
