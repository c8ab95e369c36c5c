"""What a figure was measured on, and how it is taken."""

import re
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from pixelsnail.machine import describe

__all__ = ["describe", "interleaved", "peak_resident_megabytes", "seconds", "spread"]


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


def peak_resident_megabytes() -> float:
    """The process's peak of resident memory, in MB; from getrusage where /proc is not there."""
    status = Path("/proc/self/status")
    if status.is_file():  # unlike getrusage, not that of the process it was forked from
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert found is not None
        return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
