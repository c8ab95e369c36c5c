"""What a process asks of its machine."""

import os
import platform
import subprocess
import sys

import pytest

from pixelsnail.machine import keep_memory

FAULTS = """
import random
import resource
import torch
from pixelsnail import machine
machine.keep_memory()
def work():
    blocks = []
    for _ in range(60):
        blocks.append(torch.ones(random.randrange(1000, 10**6)))
        if len(blocks) > 30:
            blocks.pop(random.randrange(30))
random.seed(0)
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(9):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_found_again_without_page_faults():
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUN"))}
    found = subprocess.run([sys.executable, "-c", FAULTS], check=True, capture_output=True, text=True, env=mine)
    assert int(found.stdout) < 5000  # 45,000 where it is given back


def test_what_the_environment_says_of_memory_stands(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    monkeypatch.setattr("ctypes.CDLL", None)
    keep_memory()
