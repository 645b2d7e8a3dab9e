"""Decay shapes: values by hand, averages against quadrature, derivatives against complex step."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit

from rhem_lib.decay import curves

POINTS = {
    "exponential": lambda x: np.exp(-x),
    "hyperbolic": lambda x: 1 / (1 + x),
    "linear": lambda x: np.maximum(1 - x, 0),
    "step": lambda x: (1 + np.exp(-8)) * expit(8 * (1 - x)),
}
INTERVALS = [(0.0, 1.0, 4.0), (2.3, 3.1, 0.7), (11.0, 12.0, 4.328), (30.0, 30.2, 50.0), (2.0, 3.0, 2.5)]


@pytest.mark.parametrize(("shape", "at_tau"), [("exponential", 0.2 + 0.8 / np.e), ("hyperbolic", 0.6),
                                                ("linear", 0.2), ("step", 0.6 + 0.4 * np.exp(-8))])  # fmt: skip
def test_shapes_start_at_start_and_fall_to_the_floor(shape, at_tau):
    def level(age, width):
        return 0.2 + 0.8 * curves.AVERAGES[shape](age, age + width, 5.0)[0]

    assert level(np.array([0.0, 5.0, 1e9]), 1e-4) == pytest.approx([1.0, at_tau, 0.2], abs=1e-4)
    assert (np.diff(level(np.linspace(0, 60, 200), 1.0)) <= 1e-12).all()


def test_flat_does_not_move():
    share, *slopes = curves.flat_average(np.array([0.0, 7.0]), np.array([1.0, 8.0]), 5.0)
    assert share.tolist() == [1.0, 1.0]
    assert not np.any(slopes)


def test_half_life_and_time_to_level_by_hand():
    assert float(curves.exponential(curves.half_life(4.0), 1.0, 0.2, 4.0)) == pytest.approx(0.6)
    start, floor = np.array([1.0, 0.2, 1.0, 1.0, 0.2, 0.2]), np.array([0.2, 0.1, 0.25, 0.3, 0.3, 0.25])
    months = curves.time_to_level(0.25, start, floor, 4.328)
    assert months[0] == pytest.approx(12.0, abs=1e-3)
    assert months[1:].tolist() == [0.0, np.inf, np.inf, np.inf, 0.0]  # a rise past the level is no arrival


@pytest.mark.parametrize("shape", POINTS)
@pytest.mark.parametrize(("start", "end", "tau"), INTERVALS)
def test_average_is_the_integral(shape, start, end, tau):
    exact = quad(lambda age: POINTS[shape](age / tau), start, end, points=[tau])[0] / (end - start)
    assert float(curves.AVERAGES[shape](start, end, tau)[0]) == pytest.approx(exact, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("shape", ["exponential", "hyperbolic", "step"])
@pytest.mark.parametrize(("start", "end", "tau"), INTERVALS)
def test_derivatives_in_log_tau_against_complex_step(shape, start, end, tau):
    exact = curves.AVERAGES[shape](start, end, tau)
    stepped = curves.AVERAGES[shape](start, end, tau * np.exp(1e-30j))
    for order in range(3):
        assert float(exact[order + 1]) == pytest.approx(
            float(np.imag(stepped[order])) / 1e-30, rel=1e-8, abs=1e-12
        )


@pytest.mark.parametrize(("start", "end", "tau"), INTERVALS)
def test_derivatives_of_the_linear_fall_against_differences(start, end, tau):
    exact = curves.linear_average(start, end, tau)
    up, down = (curves.linear_average(start, end, tau * np.exp(h)) for h in (1e-6, -1e-6))
    for order in range(3):
        assert float(exact[order + 1]) == pytest.approx(float(up[order] - down[order]) / 2e-6, abs=1e-7)


def test_gradient_and_hessian_of_the_month_average_against_complex_step():
    def average(start, floor, tau):
        return curves.derivatives(curves.exponential_average(2.0, 2.6, tau), start, floor)

    point = np.log([1.1, 0.3, 5.0])
    _, gradient, hessian = average(*np.exp(point))
    for j in range(3):
        moved = point + 1e-30j * np.eye(3)[j]
        level, slope, _ = average(*np.exp(moved))
        assert gradient[j] == pytest.approx(np.imag(level) / 1e-30, rel=1e-12)
        assert hessian[j] == pytest.approx(np.imag(slope) / 1e-30, rel=1e-12, abs=1e-15)
