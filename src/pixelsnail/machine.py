"""What a figure was measured on, and which of several processes this is."""

import os
import platform
from pathlib import Path

from pixelsnail.errors import WrongValueError


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


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
LARGEST_BLOCK = 32 << 20  # glibc maps larger ones by themselves, whatever it is told


def keep_memory() -> None:
    """Has glibc keep the memory that this process frees; does nothing with other C libraries.

    By default glibc gives blocks of a training step back to the system as they are freed, and the next step has them
    mapped and zeroed again, page by page: 20,000 page faults a step of 16 digits. For a process of our own, so not
    called by the library. What MALLOC_* or GLIBC_TUNABLES in the environment say stands.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith(("MALLOC_", "GLIBC_TUN")) for name in os.environ):
        return
    import ctypes

    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)
    libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def is_first_process() -> bool:
    """Whether this is the only process of a training, or the one of several that writes and talks, as Lightning has it.

    Its number is RANK where torchrun started it, SLURM_PROCID in a task of SLURM, LOCAL_RANK where Lightning started it
    itself. A RANK that a scheduler left over counts for nothing.
    """
    return not any(os.environ.get(name, "0").strip("0") for name in _ranks())


def _ranks() -> tuple[str, ...]:
    """The variables that tell the number of this process; those of Lightning's cluster environments."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return ("RANK",)
    if "SLURM_NTASKS" in os.environ and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive"):
        return ("SLURM_PROCID",)
    return ("LOCAL_RANK", "NODE_RANK")


def check_ranks() -> None:
    """Raises ValueError for numbers of a process that are none: Lightning reads them all when it is imported."""
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK"):
        value = os.environ.get(name, "0")
        if not value.isdecimal():
            raise WrongValueError(
                f"{name} is {value!r} in the environment; expected the number of a process: unset it."
            )


def check_alone() -> None:
    """Raises ValueError where a training of one process is told that it is another than the first."""
    if not is_first_process():
        told = next(name for name in _ranks() if os.environ.get(name, "0").strip("0"))
        raise WrongValueError(
            f"{told} is {os.environ[told]} in the environment, but this training has one process; unset {told}, or set "
            "trainer.devices to the number of processes."
        )
