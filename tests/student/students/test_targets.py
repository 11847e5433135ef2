"""Targets and losses of CLUE-D, against numbers worked by hand and an independent integration."""

import itertools
import math
from statistics import NormalDist

import pytest
import torch

from umui.students.targets import bins, expectation, loss, target_masses

LABELS_N = torch.tensor([0.0, 0.003, 0.2, 0.37, 0.5, 0.8, 0.99, 1.0])


def test_the_target_is_a_normalised_gaussian_on_the_grid() -> None:
    (masses_I,) = target_masses("gaussian", torch.tensor([0.5]), count=3, sigma=0.5)
    beside = math.exp(-0.5)  # bins at 0, 0.5 and 1: one deviation from the label
    wanted = torch.tensor([beside, 1.0, beside], dtype=torch.float64) / (1 + 2 * beside)
    torch.testing.assert_close(masses_I, wanted)


def test_the_mean_of_the_papers_target_is_its_label_only_away_from_the_ends() -> None:
    means_N = expectation(target_masses("gaussian", LABELS_N, count=100, sigma=0.05))
    torch.testing.assert_close(means_N[2:6], LABELS_N[2:6].double(), atol=1e-4, rtol=0)
    assert means_N[0].item() == pytest.approx(0.0368, abs=5e-5)
    assert means_N[-1].item() == pytest.approx(1 - 0.0368, abs=5e-5)


def test_integrated_targets_hold_the_mass_of_each_cell() -> None:
    (masses_I,) = target_masses("integrated", torch.tensor([0.3]), count=5, sigma=0.2)
    normal = NormalDist(0.3, 0.2)
    edges = [-math.inf, 0.125, 0.375, 0.625, 0.875, math.inf]
    wanted = [normal.cdf(high) - normal.cdf(low) for low, high in itertools.pairwise(edges)]
    assert masses_I.tolist() == pytest.approx(wanted, abs=1e-7)


def test_a_mean_matched_target_has_its_label_as_the_mean_everywhere() -> None:
    masses_NI = target_masses("mean_matched", LABELS_N, count=100, sigma=0.05)
    torch.testing.assert_close(masses_NI.sum(1), torch.ones(len(LABELS_N), dtype=torch.float64))
    torch.testing.assert_close(expectation(masses_NI), LABELS_N.double(), atol=1e-6, rtol=0)
    deviation = ((masses_NI[4] * (bins(100) - 0.5) ** 2).sum()) ** 0.5
    assert deviation.item() == pytest.approx(0.05, rel=1e-3), "away from the ends it is the paper's target"


def test_losses_of_logits_worked_by_hand() -> None:
    logits_NI, labels_N = torch.tensor([[0.0, math.log(3.0)]]), torch.tensor([0.25])  # masses 1/4 and 3/4
    assert loss("mse", logits_NI, labels_N, "gaussian", 0.5).item() == pytest.approx(0.25)
    q = [math.exp(-(0.25**2) / 0.5), math.exp(-(0.75**2) / 0.5)]
    q = [weight / sum(q) for weight in q]
    wanted = q[0] * math.log(q[0] / 0.25) + q[1] * math.log(q[1] / 0.75)
    assert loss("kl", logits_NI, labels_N, "gaussian", 0.5).item() == pytest.approx(wanted, rel=1e-5)
