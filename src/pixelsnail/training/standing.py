"""What a checkpoint knows beside Lightning's own state."""

from dataclasses import dataclass, field


@dataclass
class Standing:
    """Where a run stands, in plain values: saved and restored whole."""

    step: int = 0
    epoch: int = 0
    """Of the latest step, which had the learning rate `lr`."""
    lr: float = 0.0
    seconds: float = 0.0
    """Of training in all sessions, validations and samples included."""
    nats: float = 0.0
    """Summed over `images` images since the last row of metrics, which took `spent` seconds."""
    images: int = 0
    spent: float = 0.0
    best: float | None = None
    """The lowest validation nats so far, at `best_step`."""
    best_step: int = 0
    latest: float | None = None
    """The latest validation nats."""
    owed: list[str] = field(default_factory=list)
    """What is still to be done at this step: "validate", "sample"."""
