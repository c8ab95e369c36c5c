"""How a training step's cost grows with the image and with depth, in bfloat16 autocast or float32.

    python -m benchmarks.training --sizes 14 28 56 64 112 [--precision float32] [--json]
    python -m benchmarks.training --blocks 2 4 8

All rows have about the same pixels in all, PIXELS, spread over more or fewer images. Then convolutions cost the same
in every row, and so does memory if it grows with the number of pixels; the attention's arithmetic, K + V products for
every pair of pixels, grows with the image. `attention` is timed on its own, on random queries, keys and values.
"""

from collections.abc import Callable

import torch

from benchmarks.machine import interleaved, spread
from pixelsnail.nn.causal import attend_strictly

PIXELS = 112 * 112
KEY, VALUE = 4, 32

Memory = Callable[[str, int, int, int], float]
Step = Callable[[str, int, int, int], Callable[[], float]]


def attention(precision: str, batch: int, size: int, blocks: int) -> Callable[[], None]:
    """Forward and backward of the attentions of all blocks."""
    dtype = getattr(torch, precision)
    q, k, v = (torch.randn(batch, 1, size * size, n, dtype=dtype, requires_grad=True) for n in (KEY, KEY, VALUE))

    def work() -> None:
        for _ in range(blocks):
            attend_strictly(q, k, v).sum().backward()

    return work


def measure(
    sizes: list[int], depths: list[int], precision: str, repetitions: int, make_step: Step, memory: Memory
) -> list[dict[str, object]]:
    """A row for every size and depth, their repetitions interleaved."""
    cases = [(max(1, PIXELS // size**2), size, blocks) for size in sizes for blocks in depths]
    work: dict[str, Callable[[], object]] = {}
    for case in cases:
        work[f"step {case}"] = make_step(precision, *case)
        work[f"attention {case}"] = attention(precision, *case)
    for call in work.values():
        call()
    times = interleaved(repetitions, **work)
    rows = []
    for batch, size, blocks in cases:
        seconds = spread(times[f"step {(batch, size, blocks)}"])
        attending = spread(times[f"attention {(batch, size, blocks)}"])
        pixels = batch * size**2
        rows.append(
            {
                "size": size,
                "blocks": blocks,
                "batch": batch,
                "seconds_per_image": seconds["median"] / batch,
                "microseconds_per_pixel": 1e6 * seconds["median"] / pixels,
                "attention_microseconds_per_pixel": 1e6 * attending["median"] / pixels,
                "attention_nanoseconds_per_pair": 1e9 * attending["median"] / (pixels * size**2 / 2) / blocks,
                "memory_growth_megabytes": memory(precision, batch, size, blocks),
            }
        )
    return rows


def table(rows: list[dict[str, object]], precision: str) -> str:
    """The rows, for reading."""
    lines = [
        f"Growth of a training step, {precision}: about {PIXELS} pixels in every row",
        f"{'size':>5} {'blocks':>6} {'batch':>5} {'s/image':>8} {'us/pixel':>9} {'attention us/pixel':>19} "
        f"{'the rest':>9} {'ns/pair':>8} {'memory MB':>10}",
    ]
    for row in rows:
        step, attending = row["microseconds_per_pixel"], row["attention_microseconds_per_pixel"]
        lines.append(
            f"{row['size']:>5} {row['blocks']:>6} {row['batch']:>5} {row['seconds_per_image']:>8.3f} {step:>9.1f} "
            f"{attending:>19.1f} {step - attending:>9.1f} {row['attention_nanoseconds_per_pair']:>8.2f} "
            f"{row['memory_growth_megabytes']:>10.0f}"
        )
    return "\n".join(lines)
