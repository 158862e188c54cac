"""Matrix products: a layer with a weight, and the product of two values."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from convariant.graph._types import TensorType, at_batch, shape_text
from convariant.graph.ops._base import Cost, Op, Reach, Types, broadcast_reach, expect, mixing
from convariant.graph.ops._elementwise import broadcast


@dataclass(frozen=True)
class Linear(Op):
    """`x @ weight.T + bias`. Inputs: x (..., ci), weight (co, ci), and a bias (co,) or not."""

    def infer(self, x: TensorType, weight: TensorType, *bias: TensorType) -> Types:
        """(..., ci) -> (..., co)."""
        expect(
            x.rank >= 1 and weight.rank == 2 and x.shape[-1] == weight.shape[1],
            f"mat1 and mat2 shapes cannot be multiplied ({shape_text(x.shape)} and weight "
            f"{shape_text(weight.shape)}); set in_features={x.shape[-1] if x.rank else 1}",
        )
        co = weight.shape[0]
        for b in bias:
            expect(
                b.shape == (co,),
                f"expected bias of size ({co},) but got {shape_text(b.shape)}; give one value per "
                "output feature",
            )
        return (x.with_shape((*x.shape[:-1], co)),)

    def run(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> tuple[Tensor, ...]:
        """F.linear."""
        return (F.linear(x, weight, bias),)

    def cost(self, inputs: Types, outputs: Types) -> Cost:
        """Each output element is a product over ci."""
        numel, ci = outputs[0].numel, inputs[1].sizes[1]
        return Cost(macs=numel * ci, bias=numel if len(inputs) == 3 else 0)

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """Everything along the last axis."""
        rank = outputs[0].rank
        return (mixing(rank, -1), *((None,) * rank for _ in inputs[1:]))


@dataclass(frozen=True)
class MatMul(Op):
    """`a @ b` of two values, leading axes broadcast, `(..., m, k), (..., k, n) -> (..., m, n)`."""

    def infer(self, a: TensorType, b: TensorType) -> Types:
        """(..., m, n)."""
        expect(
            a.rank >= 2 and b.rank >= 2 and a.shape[-1] == b.shape[-2],
            f"mat1 and mat2 shapes cannot be multiplied ({shape_text(a.shape)} and "
            f"{shape_text(b.shape)}); the last axis of the first must equal the last but one of "
            "the second: permute one of them",
        )
        lead = broadcast(a.shape[:-2], b.shape[:-2])
        return (
            TensorType((*lead, a.shape[-2], b.shape[-1]), torch.promote_types(a.dtype, b.dtype)),
        )

    def run(self, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        """torch.matmul."""
        return (torch.matmul(a, b),)

    def cost(self, inputs: Types, outputs: Types) -> Cost:
        """Each output element is a product over k."""
        return Cost(macs=outputs[0].numel * at_batch(inputs[0].shape[-1:], 0)[0])

    def reach(self, inputs: Types, outputs: Types) -> tuple[Reach, ...]:
        """A row of the first input, a column of the second."""
        y = outputs[0]
        first, second = (list(broadcast_reach(value, y)) for value in inputs)
        first[-1] = second[-2] = None
        return tuple(first), tuple(second)
