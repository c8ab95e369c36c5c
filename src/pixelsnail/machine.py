"""What a figure was measured on, and which of several processes this is."""

import os
import platform
from pathlib import Path


def describe() -> dict[str, str | int]:
    """Processor, threads, instructions and versions."""
    from importlib import metadata  # slow to import, and the command line asks `is_first_process` alone

    import torch

    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        processor = names[0] if names else processor
    return {
        "processor": processor,
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "pixelsnail": metadata.version("pixelsnail"),
    }


def is_first_process() -> bool:
    """Whether this is the only process of a training, or the one of several that writes and talks."""
    return not any(int(os.environ.get(name, 0)) for name in ("RANK", "LOCAL_RANK"))
