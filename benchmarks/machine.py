"""What a figure was measured on, and how it is taken."""

import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

import pixelsnail


def describe() -> dict[str, object]:
    """Hardware and versions."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    return {
        "processor": processor,
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "pixelsnail": pixelsnail.__version__,
    }


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(repetitions: int, **work: Callable[[], object]) -> dict[str, list[float]]:
    """Seconds of every piece of work, one after another, `repetitions` times: the machine's moods hit all alike."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(repetitions):
        for name, call in work.items():
            times[name].append(seconds(call))
    return times


def spread(values: list[float]) -> dict[str, float]:
    """Median and range."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}
