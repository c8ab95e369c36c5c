"""On a terminal: progress is shown, and Ctrl-C ends a command in under two seconds without a trace."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import pixelsnail as package


def on_a_terminal(words: Sequence[object], interrupt_at: bytes, **environment: str) -> tuple[int, str, float]:
    """Runs pixelsnail on a terminal of its own and presses Ctrl-C when it shows `interrupt_at`: the exit status, what
    was shown and the seconds from then on."""
    child, terminal = pty.fork()
    if child == 0:
        settings = {"TERM": "xterm", "COLUMNS": "100", **environment}
        command = [sys.executable, "-m", "pixelsnail", *map(str, words)]
        os.execve(sys.executable, command, {**os.environ, **settings})
    shown, pressed = b"", 0.0
    while True:
        if select.select([terminal], [], [], 60)[0] == []:
            os.kill(child, signal.SIGKILL)
            pytest.fail(f"nothing happened for a minute; shown: {shown!r}")
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # how a terminal says that nobody is on its other side
            break
        if not pressed and interrupt_at in shown:
            os.write(terminal, b"\x03")
            pressed = time.monotonic()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(terminal)
    return status, shown.decode(), time.monotonic() - pressed


def test_sampling_shows_pixels_and_time_left_and_ends_at_once(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    line = ("sample", bare, "--count", 4096, "--batch", 64, "--out", tmp_path / "out" / "x.png")
    status, shown, seconds = on_a_terminal(line, b"pixels")
    assert status == 130
    assert "/3,211,264 pixels" in shown
    assert "left" in shown
    assert "\x1b[3" not in shown  # NO_COLOR is set for all tests
    assert "Traceback" not in shown
    assert shown.rstrip().endswith("pixelsnail: Interrupted; no half-written file is left.")
    assert seconds < 2
    assert list((tmp_path / "out").iterdir()) == []


def test_training_keeps_its_last_step_and_says_how_to_go_on(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    line = ("train", recipe, "--out", out, "--trainer.max_steps", 100_000)
    status, shown, seconds = on_a_terminal(line, b" left")
    assert status == 130
    assert " nats" in shown
    assert " images/s" in shown
    assert "Traceback" not in shown
    assert "is kept in" in shown
    assert seconds < 2
    assert package.load(out, weights="last").shape == (1, 6, 5)


def test_a_dumb_terminal_shows_no_bar(bare: Path, tmp_path: Path) -> None:
    line = ("sample", bare, "--count", 2, "--size", "3x3", "--out", tmp_path / "x.png")
    status, shown, _ = on_a_terminal(line, b"never", TERM="dumb")
    assert status == 0
    assert "\x1b" not in shown
    assert "pixels left" not in shown
    assert "9/18 pixels" not in shown
    assert "Drew 2 images" in shown


def test_drawing_many_images_without_a_terminal_ends_on_a_signal_without_a_trace(bare: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    line = ["sample", bare, "--count", 100_000, "--out", out / "digits.npz"]
    code = "import sys; from pixelsnail.cli import main; import torch; print('ready', flush=True); sys.exit(main())"
    command = [sys.executable, "-c", code, *map(str, line)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(2)  # in the middle of a draw
        process.send_signal(signal.SIGINT)
        shown, told = process.communicate(timeout=10)
    assert (process.returncode, shown) == (130, "")
    assert told == "pixelsnail: Interrupted; no half-written file is left.\n"
    assert list(out.iterdir()) == []
