"""normalization — values brought to mean 0 and variance 1, and their kin."""
import math

import torch
from torch.nn import functional


def standardize(x, a):
    """Over all axes but from … to - 1."""
    axes = [axis for axis in range(x[0].dim()) if not a["from"] <= axis < a.to]
    mean = x[0].mean(axes, keepdim=True) if axes else x[0]
    mean = mean if a.center else torch.zeros_like(mean)
    off = x[0] - mean
    variance = off.square().mean(axes, keepdim=True) if axes else off.square()
    scale = (variance + a.epsilon).rsqrt()
    return off * scale, mean, scale, variance


def weight_of(x, shape):
    """PyTorch 1.13 fails at second order without a weight, and at the gradient of a bias without one."""
    return x[0].new_ones(shape) if x[1] is None else x[1]


def layer_norm(x, a):
    shape = x[0].shape[a.axis % x[0].dim():]
    return functional.layer_norm(x[0], shape, weight_of(x, shape), x[2], a.epsilon)


def group_norm(x, groups, a):
    return functional.group_norm(x[0], groups, weight_of(x, x[0].shape[1]), x[2], a.epsilon)


def rms_norm(x, a):
    axes = list(range(a.axis % x[0].dim(), x[0].dim()))
    y = x[0] * (x[0].square().mean(axes, keepdim=True) + a.epsilon).rsqrt()
    return y if x[1] is None else y * x[1]


def along_channels(vector, x):
    return vector.reshape([-1 if axis == 1 else 1 for axis in range(x.dim())])


def batch_norm(x, a):
    """torch.batch_norm, which functional.batch_norm calls, takes one value a channel too. It has no gradient to
    the mean and the variance that are given."""
    if x[3] is None:
        weight = weight_of(x, x[0].shape[1])
        return torch.batch_norm(x[0], weight, x[2], None, None, True, 0.0, a.epsilon, False)
    y = (x[0] - along_channels(x[3], x[0])) * (along_channels(x[4], x[0]) + a.epsilon).rsqrt()
    y = y if x[1] is None else y * along_channels(x[1], x[0])
    return y if x[2] is None else y + along_channels(x[2], x[0])


def instance_norm(x, a):
    """A group norm of groups of one channel; functional.instance_norm refuses one value a channel."""
    return group_norm(x, x[0].shape[1], a)


def local_response_norm(x, a):
    """An even window has one channel more behind than before, in PyTorch the other way round."""
    y = x[0].reshape(x[0].shape[0], x[0].shape[1], math.prod(x[0].shape[2:]))
    if a.size % 2 == 0:
        y = y.flip(1)
    y = functional.local_response_norm(y, a.size, a.alpha, a.beta, a.bias)
    if a.size % 2 == 0:
        y = y.flip(1)
    return y.reshape(x[0].shape)


def weight_norm(x, a):
    axes = [axis for axis in range(x[0].dim()) if axis != a.axis % x[0].dim()]
    return x[1] * x[0] / (torch.linalg.vector_norm(x[0], dim=axes, keepdim=True) if axes else x[0].abs())


REFERENCES = {
    "standardize": standardize,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "group_norm": lambda x, a: group_norm(x, a.num_groups, a),
    "instance_norm": instance_norm,
    "batch_norm": batch_norm,
    "local_response_norm": local_response_norm,
    "weight_norm": weight_norm,
}
