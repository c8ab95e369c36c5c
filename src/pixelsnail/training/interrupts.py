"""Ctrl-C as a request: the step under way is finished and saved first. A second one does not wait."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """Training was asked to stop. Not KeyboardInterrupt, on which Lightning ends the whole process."""


class Interrupts:
    """Whether a stop was asked for since `listening` began."""

    def __init__(self, note: Callable[[str], object]) -> None:
        self.asked, self.note = False, note

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Takes SIGINT while the block runs. Signals reach the main thread alone; elsewhere nothing changes."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._take)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def check(self) -> None:
        """Raises Interrupted when a stop was asked for."""
        if self.asked:
            raise Interrupted

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise Interrupted
        self.asked = True
        self.note("Finishing this step and saving it; Ctrl-C again stops at once, without saving.")
