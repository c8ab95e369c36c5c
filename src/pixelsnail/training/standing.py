"""What a checkpoint knows beside Lightning's own state."""

from dataclasses import dataclass, field


@dataclass
class Standing:
    """Where a run stands, in plain values: saved and restored whole.

    step, epoch, lr    the latest step, its epoch and its learning rate
    seconds            of training in all sessions, validations and samples included
    nats, images       the sum of training nats, and over how many images, since the last row of metrics
    spent              the seconds that this took
    best, best_step    the lowest validation nats so far, and at which step
    latest             the latest validation nats
    owed               what is still to be done at this step: "validate", "sample"
    """

    step: int = 0
    epoch: int = 0
    lr: float = 0.0
    seconds: float = 0.0
    nats: float = 0.0
    images: int = 0
    spent: float = 0.0
    best: float | None = None
    best_step: int = 0
    latest: float | None = None
    owed: list[str] = field(default_factory=list)
