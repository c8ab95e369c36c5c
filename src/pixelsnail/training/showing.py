"""Training's events as a bar, or as lines now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pixelsnail import bars
from pixelsnail.training.events import Event, Progress

TIMED = 5
"""Steps after which it is said how long one takes; the first is left out."""


@contextmanager
def showing(progress: Progress | bool | None) -> Iterator[Progress | None]:
    """What training tells: the callable that was given; True draws on stderr, in terminals and in notebooks."""
    if isinstance(progress, bool):
        if progress:
            with drawn(lambda text: print(text, file=sys.stderr), bars.can_draw()) as shown:
                yield shown
            return
        progress = None
    yield progress


@contextmanager
def drawn(note: Callable[[str], object], has_bars: bool) -> Iterator[Progress]:
    """A bar that training's events move: loss, images a second and the time that is left; else a line in a while."""
    steps = _Steps(note)
    if not has_bars:
        say = bars.now_and_then(note)
        yield lambda event: say(": ".join(steps.words(event)))
        return
    with bars.bar(estimate=False) as bar:
        task = bar.add_task("training", total=None, detail="")

        def tell(event: Event) -> None:
            title, detail = steps.words(event)
            if event.phase == "train":
                bar.update(task, total=event.total, completed=event.done)
            bar.update(task, description=title, detail=detail)

        yield tell


class _Steps:
    """Training's events in words, and, after the first steps, how long one takes."""

    def __init__(self, note: Callable[[str], object]) -> None:
        self.note, self.steps, self.loss, self.speed = note, "", "", ""
        self.marks: list[float] | None = []

    def words(self, event: Event) -> tuple[str, str]:
        """What is done, and how far it is."""
        if event.phase == "train":
            self.steps = f"{event.step:,}" + (f"/{event.total:,}" if event.total else "") + " steps"
            self.loss = "" if event.nats is None else f"  loss {event.nats:.2f} nats"
            self._time(event)
        if event.images_per_second is not None:
            self.speed = f"  {event.images_per_second:.1f} images/s"
        title = {"train": "training", "validate": "validating", "sample": "drawing samples"}[event.phase]
        left = "" if event.seconds_left is None else f"  {bars.clock(event.seconds_left)} left"
        return title, (self.steps or f"{event.step:,} steps") + self.loss + self.speed + left

    def _time(self, event: Event) -> None:
        if self.marks is None:
            return
        self.marks.append(time.monotonic())
        if len(self.marks) > TIMED:
            seconds = (self.marks[-1] - self.marks[1]) / (len(self.marks) - 2)
            whole = f", {bars.clock(seconds * event.total)} for {event.total:,}" if event.total else ""
            self.note(f"About {seconds:.2g} seconds a step{whole}.")
            self.marks = None
