"""random — what is drawn is taken from our result; what the rest of the op makes of it is compared."""
import torch

SELU_LEAST = -1.6732632423543772 * 1.0507009873554805


def dropout(x, a):
    """A result is 0 exactly where it was dropped."""
    kept = (a.output[0] != 0).to(x[0].dtype) if a.p > 0 else 1.0
    return x[0] * kept / (1 - a.p) if a.p < 1 else x[0] * 0


def alpha_dropout(x, a):
    """What is dropped becomes selu's least value; then scale and shift keep a mean of 0 and a variance of 1
    (Klambauer et al. 2017)."""
    scale = ((1 - a.p) * (1 + a.p * SELU_LEAST ** 2)) ** -0.5 if a.p < 1 else 0.0
    shift = -scale * a.p * SELU_LEAST
    dropped = (a.output[0] - (scale * SELU_LEAST + shift)).abs() < 1e-12
    return scale * torch.where(dropped, torch.full_like(x[0], SELU_LEAST), x[0]) + shift


def hides(x, a):
    return bool((x[0] == 0).any()) and a.p > 0


REFERENCES = {
    "dropout": dropout,
    "dropout1d": dropout,
    "dropout2d": dropout,
    "dropout3d": dropout,
    "alpha_dropout": alpha_dropout,
    "feature_alpha_dropout": alpha_dropout,
}
DIFFERENCES = {name: [(hides, "an element that was 0 does not show whether it was dropped")]
               for name in ("dropout", "dropout1d", "dropout2d", "dropout3d")}
