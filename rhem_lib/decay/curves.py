"""Decay shapes: the exponential at an age, and the averages of all shapes over a month.

Every shape is a start level, a floor and a falling share between them: level = floor + (start -
floor) g(age; tau) with g(0) = 1 and g = 0 at the floor. Levels are hours per endpoint per month,
ages and tau are months since onboarding. A client's record covers an interval of ages, so what is
fitted is the average of g over it.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Derivatives = tuple[Array, Array, Array, Array]

STEEPNESS = 8.0  # of the smooth step


def exponential(age: ArrayLike, start: ArrayLike, floor: ArrayLike, tau: ArrayLike) -> Array:
    """Level of an exponential at an age: floor + (start - floor) exp(-age / tau)."""
    return floor + np.subtract(start, floor) * np.exp(-np.asarray(age, float) / np.asarray(tau, float))


def half_life(tau: ArrayLike) -> Array:
    """Months in which an exponential halves its distance to the floor; after tau, 63% of the way is done."""
    return np.asarray(tau, float) * np.log(2)


def time_to_level(level: float, start: ArrayLike, floor: ArrayLike, tau: ArrayLike) -> Array:
    """Return the age at which an exponential comes down to a level for good.

    Parameters
    ----------
    level : float, h per endpoint per month
    start, floor : array, h per endpoint per month
    tau : array, months

    Returns
    -------
    array, months
        0 where start and floor are at or under the level, inf where the floor is above it (or the start is, and
        the floor at it). Never average the finite ones: inf is an answer.

    Examples
    --------
    >>> float(time_to_level(0.25, 1.0, 0.5, 4.0))
    inf
    """
    start, floor, tau = (np.asarray(x, float) for x in (start, floor, tau))
    reached = (start > level) & (floor < level)
    ratio = np.divide(start - floor, level - floor, out=np.ones(np.broadcast(start, floor).shape), where=reached)
    under = np.maximum(start, floor) <= level
    return np.where(under, 0.0, np.where(reached, tau * np.log(ratio), np.inf))


def exponential_average(age_start: ArrayLike, age_end: ArrayLike, tau: ArrayLike) -> Derivatives:
    """Average exp(-t / tau) over [age_start, age_end], with three derivatives in log tau.

    With E_k = (exp(-a/tau) a^k - exp(-b/tau) b^k) / (tau^(k-1) (b - a)) the average is E_0 and
    dE_k / dlog tau = E_(k+1) - (k-1) E_k.
    """
    x, y, width = _scaled(age_start, age_end, tau)
    at_start, at_end = np.exp(-x), np.exp(-y)
    average = at_start * -np.expm1(-width) / width
    at_start, at_end = at_start * x / width, at_end * y / width
    first = average + (at_start - at_end)
    at_start, at_end = at_start * x, at_end * y
    second = first + (at_start - at_end)
    return average, first, second, first + (at_start * x - at_end * y)


def _scaled(age_start: ArrayLike, age_end: ArrayLike, tau: ArrayLike) -> tuple[Array, Array, Array]:
    start, end, tau = (np.asarray(x) for x in (age_start, age_end, tau))
    return start / tau, end / tau, (end - start) / tau


def hyperbolic_average(age_start: ArrayLike, age_end: ArrayLike, tau: ArrayLike) -> Derivatives:
    """Average 1 / (1 + t / tau): quick at first, then with a long tail; halfway at tau."""
    x, y, width = _scaled(age_start, age_end, tau)
    u, v = 1 / (1 + x), 1 / (1 + y)
    average = np.log1p(width * u) / width
    first = average + (v - u) / width
    second = first + (v - u + y * v**2 - x * u**2) / width
    third = second + (v - u + y * v**2 - x * u**2 + 2 * (v * (y * v) ** 2 - u * (x * u) ** 2)) / width
    return average, first, second, third


def linear_average(age_start: ArrayLike, age_end: ArrayLike, tau: ArrayLike) -> Derivatives:
    """Average max(1 - t / tau, 0); beyond the first, derivatives jump where tau crosses an end of the interval."""
    start, end, tau = (np.asarray(x, float) for x in (age_start, age_end, tau))
    width = end - start
    stop = np.clip(tau, start, end)
    first = (stop**2 - start**2) / (2 * tau * width)
    average = (stop - start) / width - first
    inside = (tau > start) & (tau < end)
    second = np.where(inside, (tau + start**2 / tau) / (2 * width), -first)
    return average, first, second, first


def step_average(age_start: ArrayLike, age_end: ArrayLike, tau: ArrayLike) -> Derivatives:
    """Average a smooth step, logistic in t / tau with g(0) = 1: most of the fall within about tau / 2 around tau.

    With x = t / tau and G the integral of g, the average is a difference of tau G(x) / (b - a), of which the
    derivatives in log tau are tau (G - x g), tau (G - x g + x^2 g'), tau (G - x g - x^3 g'').
    """
    x, y, width = _scaled(age_start, age_end, tau)
    average, first, second, third = (
        (b - a) / width for a, b in zip(_step_integral(x), _step_integral(y), strict=True)
    )
    return average, first, second, third


def _step_integral(x: Array) -> Derivatives:
    """G, G - x g, G - x g + x^2 g', G - x g - x^3 g'' of the smooth step."""
    z = STEEPNESS * (x - 1)
    above = np.where(z.real > 0, z, 0)  # exp of what is at most 0: neither end overflows
    top, tail = 1 + np.exp(-STEEPNESS), np.exp(z - 2 * above)
    share = np.where(z.real > 0, tail, 1) / (1 + tail)
    product = share * (1 - share)
    integral = top * (x - (above + np.log1p(tail)) / STEEPNESS)
    first = integral - top * x * share
    second = first - top * STEEPNESS * x**2 * product
    return integral, first, second, first - top * STEEPNESS**2 * x * x**2 * product * (1 - 2 * share)


def flat_average(age_start: ArrayLike, age_end: ArrayLike, tau: ArrayLike) -> Derivatives:
    """Average share of a curve that does not fall: 1, with derivatives 0."""
    none = np.zeros(np.broadcast(age_start, age_end, tau).shape)
    return none + 1, none, none, none


def derivatives(share: Derivatives, start: Array, floor: Array) -> tuple[Array, Array, Array]:
    """Level, gradient and Hessian in (log start, log floor, log tau) from an averaged share g and its derivatives.

    r = f + (s - f) g; gradient (s g, f (1 - g), (s - f) g1); Hessian diagonal (s g, f (1 - g), (s - f) g2),
    (s, tau): s g1, (f, tau): -f g1, (s, f): 0.
    """
    average, first, second, _ = share
    above, below, gap = start * average, floor * (1 - average), start - floor
    gradient = np.stack([above, below, gap * first])
    hessian = np.zeros((3, *gradient.shape), gradient.dtype)
    hessian[0, 0], hessian[1, 1], hessian[2, 2] = above, below, gap * second
    hessian[0, 2] = hessian[2, 0] = start * first
    hessian[1, 2] = hessian[2, 1] = -floor * first
    return above + below, gradient, hessian


AVERAGES: dict[str, Callable[[ArrayLike, ArrayLike, ArrayLike], Derivatives]] = {
    "exponential": exponential_average,
    "hyperbolic": hyperbolic_average,
    "linear": linear_average,
    "step": step_average,
    "flat": flat_average,
}
