"""Training's progress in a terminal, a notebook and a log file."""

import sys
from types import ModuleType

import pytest

from pixelsnail import bars
from pixelsnail.training import train


@pytest.mark.parametrize("progress", [True, False, None])
def test_a_log_file_gets_lines_where_they_are_asked_for(progress, tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bars, "EVERY", 0.0)
    train(tiny(), out=tmp_path / "run", progress=progress)
    said = capsys.readouterr().err
    assert ("training: 12/12 steps" in said) == (progress is True)
    assert ("seconds a step, " in said) == (progress is True)
    assert "drawing samples" in said or not progress


def test_bars_are_drawn_where_they_can_be(monkeypatch):
    assert not bars.can_draw()  # a test has no terminal
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert bars.can_draw()
    monkeypatch.setenv("TERM", "dumb")
    assert not bars.can_draw()


@pytest.mark.parametrize("installed", [False, True])
def test_a_notebook_has_bars_with_ipywidgets_alone(installed, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr(bars, "find_spec", lambda name: object() if installed else None)
    assert bars.can_draw() is installed
