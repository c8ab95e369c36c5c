"""A model's segment call as one compiled program: a function of tensors alone.

Called pixel by pixel, the published PixelSNAIL is a thousand small operations, whose launching takes longer than their
arithmetic. `torch.export` turns the call into one graph, whose batch, segment and attended length stay open, and
AOTInductor compiles that to a shared library. Weights are arguments of the program, so that one program serves every
model of a configuration (`library.py` keeps it).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pixelsnail.nn import Cache, Segment
from pixelsnail.nn.segment import Asked


@dataclass(frozen=True)
class Signature:
    """The tensors of a call, by the names under which layers ask for them, always in this order.

    asked       what the segment answers (`Segment.answers`)
    buffers     what layers keep, each with an empty tensor of its width and dtype
    constants   what stays the same during a walk
    given       what images are conditioned on
    """

    asked: tuple[Asked, ...]
    buffers: dict[tuple[nn.Module, str], Tensor]
    constants: dict[Any, Tensor]
    given: tuple[str, ...]

    @classmethod
    def of(cls, segment: Segment) -> "Signature":
        """That of a call which was made: it has made everything that later calls use."""
        cache = segment.cache
        buffers = {key: buffer.new_empty(0, buffer.shape[-1]) for key, buffer in cache.buffers.items()}
        return cls(tuple(segment.answers), buffers, dict(cache.constants), tuple(cache.given))

    def arguments(self, segment: Segment) -> list[Any]:
        """The tensors of a segment's call; buffers that its walk does not have yet are made."""
        cache = segment.cache
        cache.constants.update(self.constants)
        for key, like in self.buffers.items():
            if key not in cache.buffers:
                cache.buffers[key] = like.new_zeros(cache.batch, cache.pixels + 1, like.shape[-1])
        return [
            segment.positions,
            segment.members,
            cache.canvas,
            [compute(segment, *arguments) for compute, *arguments in self.asked],
            [cache.buffers[key] for key in self.buffers],
            list(self.constants.values()),
            [cache.given[name] for name in self.given],
        ]


class Call(nn.Module):
    """A segment call of a model: what `torch.export` follows."""

    def __init__(self, model: nn.Module, signature: Signature) -> None:
        super().__init__()
        self.parts = (model, signature, list(weights(model)))  # a tuple, so that weights are not this module's

    def forward(
        self,
        x: Tensor,
        positions: Tensor,
        members: Tensor,
        canvas: Tensor,
        answers: list[Tensor],
        buffers: list[Tensor],
        constants: list[Tensor],
        given: list[Tensor],
        values: list[Tensor],
    ) -> Tensor:
        """The parameters of a segment's levels x, from the arguments that its signature names, and the weights."""
        model, signature, names = self.parts
        cache = Cache(canvas, given=dict(zip(signature.given, given, strict=True)))
        cache.buffers = dict(zip(signature.buffers, buffers, strict=True))
        cache.constants = dict(zip(signature.constants, constants, strict=True))
        segment = Segment(cache, members, positions)
        segment.answers = dict(zip(signature.asked, answers, strict=True))
        named = dict(zip(names, values, strict=True))
        parameters: Tensor = torch.func.functional_call(model, named, (x, segment))
        after = Signature.of(segment)
        if (after.asked, list(after.buffers), list(after.constants)) != (
            signature.asked, list(signature.buffers), list(signature.constants),
        ):  # fmt: skip
            raise AssertionError("a later call asks for more than the first")
        return parameters


def export(model: Any, size: tuple[int, int]) -> Any:
    """The graph of a segment call, with every size open that differs between two calls."""
    (call, first), (_, second) = (_example(model, size, batch, length) for batch, length in ((4, 3), (5, 2)))
    open_sizes = [
        [_differing(a, b) for a, b in zip(h, other, strict=True)] if isinstance(h, list) else _differing(h, other)
        for h, other in zip(first, second, strict=True)
    ]
    return torch.export.export(call, tuple(first), dynamic_shapes=tuple(open_sizes), strict=False)


def signature_of(model: Any, size: tuple[int, int]) -> Signature:
    """The signature of this model's calls, with the constants that follow from its weights."""
    return Signature.of(_called(model, size, 1, 1))


def weights(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, by name."""
    return {name: tensor.detach() for name, tensor in (*model.named_parameters(), *model.named_buffers())}


def _example(model: Any, size: tuple[int, int], batch: int, length: int) -> tuple[Call, list[Any]]:
    """The call, and its arguments, in a batch of some size with a segment of some length."""
    segment = _called(model, size, batch, length)
    signature = Signature.of(segment)
    arguments = [segment.levels, *signature.arguments(segment), list(weights(model).values())]
    return Call(model, signature), arguments


def _called(model: Any, size: tuple[int, int], batch: int, length: int) -> Segment:
    """A segment after its call, where one pixel is decided."""
    cache: Cache = model.start(batch, size=size, context=model.condition.example(batch, size))
    first = cache.segment(1)
    cache.commit(first, first.levels)
    segment = cache.segment(length)
    model(segment.levels, segment)
    return segment


def _differing(a: Tensor, b: Tensor) -> dict[int, Any]:
    return {i: torch.export.Dim.DYNAMIC for i, (m, n) in enumerate(zip(a.shape, b.shape, strict=True)) if m != n}
