"""An ONNX file in the forms that engines read: as it is where they read ONNX, else as a module."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from convariant.graph import Graph, from_onnx, to_onnx

__all__ = ["as_module", "write_in_one_piece"]


class _Interpreted(nn.Module):
    """A graph as a module, for what takes modules alone: each node by the PyTorch that it stands
    for, with the constants as parameters (whole numbers as buffers).
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        # such a name may hold no dots, and be no name of a module's own
        self.places = {name: f"constant{i}" for i, name in enumerate(graph.constants)}
        for name, place in self.places.items():
            held = graph.constants[name].detach()
            if held.is_floating_point():
                self.register_parameter(place, nn.Parameter(held, requires_grad=False))
            else:
                self.register_buffer(place, held)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The outputs of the graph."""
        values = {name: getattr(self, place) for name, place in self.places.items()}
        values[self.graph.inputs[0]] = x
        for node in self.graph.nodes:
            results = node.op.run(*(values[name] for name in node.inputs))
            values.update(zip(node.outputs, results, strict=True))
        outputs = tuple(values[name] for name in self.graph.outputs)
        return outputs[0] if len(outputs) == 1 else outputs


def write_in_one_piece(source: Path, example: Tensor, target: Path) -> None:
    """A copy with all weights inside; written anew where the file declares another input size."""
    import onnx

    from convariant.graph.onnx._read import declared_shapes

    (declared,) = declared_shapes(source)
    if all(known in (None, size) for known, size in zip(declared, example.shape, strict=True)):
        onnx.save(onnx.load(source), target)
    else:
        to_onnx(from_onnx(source, [tuple(example.shape)]), target)


def as_module(source: Path, example: Tensor) -> nn.Module:
    """The network of a file for inputs of this shape."""
    return _Interpreted(from_onnx(source, [tuple(example.shape)])).eval()
