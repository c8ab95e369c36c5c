"""A file that one process makes decodes in another with other instructions, other threads and another batch."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import pixelsnail

GOLDEN = Path(__file__).parents[1] / "golden" / "codec"
SCRIPT = """
import sys
import numpy as np
import pixelsnail
model, file, out, batch = pixelsnail.load(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
np.save(out, pixelsnail.decompress(model, open(file, "rb").read(), batch=batch).numpy())
"""


def decoded_elsewhere(model, file, out, batch=1):
    environment = os.environ | {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "OMP_NUM_THREADS": "2",
    }
    command = [sys.executable, "-c", SCRIPT, model, file, out, str(batch)]
    return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("name", ["bits", "colour"])
def test_portable_files_decode_on_another_processor(name, tmp_path):
    model = pixelsnail.load(GOLDEN / name)
    random = np.random.default_rng(0)
    x = torch.from_numpy(random.integers(0, model.levels, (40, *model.shape), dtype=np.uint8))
    x[:20] = model.sample(20, context=model.condition.example(20, model.shape[1:]))
    context = model.condition.example(40, model.shape[1:])
    file, out = tmp_path / "x.psn", tmp_path / "x.npy"
    file.write_bytes(pixelsnail.compress(model, x, context, together=3))
    done = decoded_elsewhere(GOLDEN / name, file, out)
    assert done.returncode == 0, done.stderr
    assert (np.load(out) == x.numpy()).all()


def test_fast_files_are_refused_on_another_processor(tmp_path):
    model = pixelsnail.load(GOLDEN / "bits")
    file, out = tmp_path / "x.psn", tmp_path / "x.npy"
    file.write_bytes(pixelsnail.compress(model, torch.ones(2, 1, 4, 5, dtype=torch.uint8), numerics="fast"))
    done = decoded_elsewhere(GOLDEN / "bits", file, out)
    assert done.returncode == 1
    assert "compressed with numerics='fast' on another machine" in done.stderr
    assert not out.exists()
