"""What CLUE-D is trained towards, and how its distribution is read: masses on bins over [0, 1].

Bin i of N stands for the probability i / (N - 1) (paper, section 3.2).
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch.nn import functional

Kind = Literal["gaussian", "integrated", "mean_matched"]
FAR = 5.0  # a centre so far outside of [0, 1] leaves all mass on the last bin
HALVINGS = 60  # of the interval that holds a centre: down to double precision


def bins(count: int) -> torch.Tensor:
    """Return the probabilities that the bins stand for: i / (count - 1)."""
    return torch.linspace(0, 1, count, dtype=torch.float64)


def expectation(masses_NI: torch.Tensor) -> torch.Tensor:
    """Return the probability that each distribution stands for: its mean (paper, equation 1)."""
    return masses_NI @ bins(masses_NI.shape[1]).to(masses_NI)


def target_masses(kind: Kind, labels_N: torch.Tensor, count: int, sigma: float) -> torch.Tensor:
    """Return the target distribution of each label, shape (N, count), in double precision."""
    return _TARGETS[kind](labels_N.double(), count, sigma)


def loss(
    kind: Literal["kl", "mse"], logits_NI: torch.Tensor, labels_N: torch.Tensor, target: Kind, sigma: float
) -> torch.Tensor:
    """Return the loss of each item, shape (N,).

    kl: KL(Q || P) in nats from the target Q (paper, section 3.2).  mse: the squared error of the expectation, which
    leaves the shape of the distribution free, so that `target` and `sigma` play no part.
    """
    if kind == "mse":
        return (expectation(logits_NI.float().softmax(-1)) - labels_N.float()) ** 2
    targets_NI = target_masses(target, labels_N, logits_NI.shape[1], sigma).float()
    log_masses_NI = functional.log_softmax(logits_NI.float(), dim=-1)
    return functional.kl_div(log_masses_NI, targets_NI, reduction="none").sum(-1)


def gaussian(centres_N: torch.Tensor, count: int, sigma: float) -> torch.Tensor:
    """Return Gaussian densities at the bins, each row normalised (paper, section 3.2).

    Cut off at 0 and 1, the mean is not the centre near the ends: 0.037 for the centre 0 with 100 bins and sigma 0.05.
    """
    distances_NI = bins(count).to(centres_N.device) - centres_N[:, None]
    return torch.softmax(-(distances_NI**2) / (2 * sigma**2), dim=-1)


def integrated(labels_N: torch.Tensor, count: int, sigma: float) -> torch.Tensor:
    """Return the mass of a Gaussian in each bin's cell; what lies beyond 0 and 1 belongs to the outermost cells."""
    edges_E = (torch.arange(1, count, dtype=torch.float64, device=labels_N.device) - 0.5) / (count - 1)
    below_NE = 0.5 * (1 + torch.erf((edges_E - labels_N[:, None]) / (sigma * math.sqrt(2))))
    ends = below_NE.new_zeros(len(labels_N), 1), below_NE.new_ones(len(labels_N), 1)
    return torch.cat([ends[0], below_NE, ends[1]], dim=1).diff(dim=1)


def mean_matched(labels_N: torch.Tensor, count: int, sigma: float) -> torch.Tensor:
    """Return the Gaussian on the bins whose mean is the label: its centre, maybe outside of [0, 1], is searched for.

    The mean rises with the centre, so halving finds it; towards the labels 0 and 1 all mass goes to the last bin.
    """
    low_N, high_N = torch.full_like(labels_N, -FAR), torch.full_like(labels_N, 1 + FAR)
    for _ in range(HALVINGS):
        middle_N = (low_N + high_N) / 2
        too_low_N = expectation(gaussian(middle_N, count, sigma)) < labels_N
        low_N, high_N = torch.where(too_low_N, middle_N, low_N), torch.where(too_low_N, high_N, middle_N)
    return gaussian(low_N, count, sigma)


_TARGETS: dict[Kind, Callable[[torch.Tensor, int, float], torch.Tensor]] = {
    "gaussian": gaussian,
    "integrated": integrated,
    "mean_matched": mean_matched,
}
