"""Where the labels of a chart go: clear of its lines, of each other and of the edges of the plot."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from rhem_lib.deck.fit_text import LINE_HEIGHT, text_width

GAP = 6.0  # points between a point and its label
FINE = 3.0  # points between heights that are tried
DENSE = 40  # samples of a line between two points
BURIED = 50.0  # what a label on another one, or past an edge, counts for, in samples of a line
Box = tuple[float, float, float, float]


class Places:
    """The free room of a plot of evenly spaced points; places are t, b, l, r and ctr as charts call them.

    Parameters
    ----------
    size : tuple of float
        Width and height of the plot, in points.
    top : float
        Value at the upper edge; the lower one is 0.
    lines : iterable of array
        Values that labels keep clear of, NaN in gaps.
    right : float
        Room for labels right of the plot, in points.

    Examples
    --------
    >>> free = Places((300, 200), 10, [np.array([2.0, 8.0, 2.0])])
    >>> free.put(1, 8.0, ["September 8"], 14, "bt")
    't'
    """

    def __init__(
        self, size: tuple[float, float], top: float, lines: Iterable[npt.ArrayLike], right: float = 0.0
    ) -> None:
        self.size, self.top, self.right = size, top, size[0] + right
        self.taken: list[Box] = []
        drawn = [np.asarray(line, dtype=float) for line in lines]
        self.step = size[0] / max(len(drawn[0]) - 1, 1)
        at = np.arange(0, len(drawn[0]) - 1 + 1 / DENSE, 1 / DENSE)
        heights = [np.interp(at, np.arange(len(line)), line) for line in drawn]
        self.x = np.tile(at * self.step, len(drawn))
        self.y = np.concatenate(heights) * size[1] / top

    def put(self, i: float, value: float, lines: Sequence[str], size: float, choices: str | Sequence[str]) -> str:
        """Return the best of some places for a label, the first of equals, and keep it taken."""
        boxes = {place: self.box(i, value, lines, size, place) for place in choices}
        best = min(boxes, key=lambda place: self.cost(boxes[place]))
        self.taken.append(boxes[best])
        return best

    def nearest(self, i: float, value: float, lines: Sequence[str], size: float) -> float:
        """Return the height nearest to a value at which a label over or under it is free, and keep it taken."""
        scale, tall = self.size[1] / self.top, size * LINE_HEIGHT * len(lines)
        heights = np.arange(tall / 2, self.size[1] - tall / 2, FINE) / scale
        heights = np.append(heights[np.argsort(abs(heights - value), kind="stable")], value)
        boxes = [self.box(i, float(height), lines, size, "ctr") for height in heights]
        costs = [self.cost(box) for box in boxes]
        best = costs.index(min(costs))
        self.taken.append(boxes[best])
        return float(heights[best])

    def box(self, i: float, value: float, lines: Sequence[str], size: float, place: str) -> Box:
        """Return the box of a label: left, lower, right, upper."""
        sizes = [size, *[size - 2] * (len(lines) - 1)]  # lines below the first are smaller and not bold
        wide = max(text_width(line, pt, not k) for k, (line, pt) in enumerate(zip(lines, sizes, strict=True)))
        tall = sum(sizes) * LINE_HEIGHT
        x, y = i * self.step, value * self.size[1] / self.top
        left = {"l": x - GAP - wide, "r": x + GAP}.get(place, x - wide / 2)
        lower = {"t": y + GAP, "b": y - GAP - tall}.get(place, y - tall / 2)
        return left, lower, left + wide, lower + tall

    def cost(self, box: Box) -> float:
        """Return how much of the lines a box covers; other labels and the edges count more."""
        left, lower, right, upper = box
        covered = (self.x > left) & (self.x < right) & (self.y > lower) & (self.y < upper)
        others = sum(not (right <= a or c <= left or upper <= b or d <= lower) for a, b, c, d in self.taken)
        edges = (left < 0) + (right > self.right) + (lower < 0) + (upper > self.size[1])
        return float(covered.sum()) + BURIED * (others + edges)
