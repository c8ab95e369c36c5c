"""Whether faster training learns the same: one small model, trained from the same seed on the same batches each way.

    python -m benchmarks.training --losses 200 [--compile] [--json]

The first way is float32, eager. The others differ from it by the rounding of their arithmetic, which training carries
on; the second run in float32 starts from weights rounded to bfloat16, and shows how far that alone takes two trainings
apart.
"""

import torch

import pixelsnail
from pixelsnail import data

BATCH = 16
SMOOTHED = 50


def train(steps: int, *, bfloat16: bool = False, compiled: bool = False, rounded: bool = False) -> list[float]:
    """The loss of every step, in nats an image."""
    torch.manual_seed(0)
    model = pixelsnail.PixelSNAIL(channels=32, blocks=2, residuals=1).train()
    if rounded:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(parameter.bfloat16())
    pixel_nats = torch.compile(model.pixel_nats, dynamic=False) if compiled else model.pixel_nats
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    images = data.open("mnist-mini")
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    losses = []
    for step in range(steps):
        x = images.batch(order[torch.arange(step * BATCH, (step + 1) * BATCH) % len(images)])
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = pixel_nats(x).sum((1, 2)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def compare(steps: int, compiled: bool) -> list[dict[str, object]]:
    """A row for every way of training: its distance to float32, eager, and its last losses."""
    ways = {"float32": {}, "float32, rounded start": {"rounded": True}, "bfloat16": {"bfloat16": True}}
    if compiled:
        ways |= {"float32, compiled": {"compiled": True}, "bfloat16, compiled": {"bfloat16": True, "compiled": True}}
    losses = {name: torch.tensor(train(steps, **way), dtype=torch.float64) for name, way in ways.items()}
    return [
        {
            "training": name,
            "mean_absolute_difference_nats": (each - losses["float32"]).abs().mean().item(),
            "largest_difference_nats": (each - losses["float32"]).abs().max().item(),
            "first_loss_nats": each[0].item(),
            "last_losses_mean_nats": each[-SMOOTHED:].mean().item(),
        }
        for name, each in losses.items()
    ]


def table(rows: list[dict[str, object]], steps: int) -> str:
    """The rows, for reading."""
    lines = [
        f"Losses over {steps} steps of {BATCH} digits, nats an image; differences to float32, eager, step by step",
        f"{'training':>24} {'mean |diff|':>12} {'largest':>9} {'first':>9} {'mean of last ' + str(SMOOTHED):>17}",
    ]
    for row in rows:
        name, mean, most, first, last = row.values()
        lines.append(f"{name:>24} {mean:>12.4f} {most:>9.4f} {first:>9.3f} {last:>17.3f}")
    return "\n".join(lines)
