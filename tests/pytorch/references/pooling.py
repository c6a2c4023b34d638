"""pooling — means, maxima and norms over windows, and over all."""
import itertools

import torch
from torch.nn import functional

from .common import many, nothing
from .convolution import pad_each, padding_of

MAXIMA = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
MEANS = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}
ADAPTIVE_MAXIMA = {1: functional.adaptive_max_pool1d, 2: functional.adaptive_max_pool2d,
                   3: functional.adaptive_max_pool3d}
ADAPTIVE_MEANS = {1: functional.adaptive_avg_pool1d, 2: functional.adaptive_avg_pool2d,
                  3: functional.adaptive_avg_pool3d}


def plain(x, pairs, a):
    """Can PyTorch's own do it? It pads the same on both sides, by half a window at most, and avg_pool3d wants
    an image as large as the window before that."""
    return x.numel() > 0 and all(front == behind and 2 * front <= k <= n
                                 for (front, behind), k, n in zip(pairs, many(a.kernel), x.shape[2:]))


def reaching(x, pairs, a):
    """(front, behind) such that the windows of our result fit exactly."""
    return [(front, (m - 1) * stride + dilation * (k - 1) + 1 - n - front)
            for (front, _), n, m, k, stride, dilation in
            zip(pairs, x.shape[2:], a.output[0].shape[2:], many(a.kernel), many(a.stride), many(a.dilation))]


def taps(x, a):
    """The windows' elements, one tap of all windows after the other; x is padded already."""
    places = itertools.product(*[range(0, k * dilation, dilation)
                                 for k, dilation in zip(many(a.kernel), many(a.dilation))])
    for place in places:
        y = x
        for axis, (first, m, stride) in enumerate(zip(place, a.output[0].shape[2:], many(a.stride)), 2):
            index = torch.arange(first, first + m * stride, stride)
            y = y.index_select(axis, index)
        yield y


def max_pool(x, a):
    pairs = padding_of(a, x[0].shape[2:], many(a.kernel))
    axes = x[0].dim() - 2
    if plain(x[0], pairs, a):
        return MAXIMA[axes](x[0], a.kernel, a.stride, [front for front, _ in pairs], many(a.dilation),
                            ceil_mode=a.ceil_mode, return_indices=True)
    if not x[0].numel():
        return nothing(x[0], a)
    padded = pad_each(x[0], reaching(x[0], pairs, a), -torch.inf)
    return torch.stack(list(taps(padded, a)), -1).max(-1)[0]


def counts(x, pairs, a):
    """What sums are divided by: padding counts or not, what a ceil_mode's window has beyond it does not."""
    if a.divisor_override:
        return a.divisor_override
    ones = torch.ones(1, 1, *x.shape[2:], dtype=x.dtype)
    if a.count_include_pad:
        ones = pad_each(ones, pairs, 1.0)
        pairs = [(0, 0)] * len(pairs)
    return sum(taps(pad_each(ones, reaching(ones, pairs, a)), a))


def avg_pool(x, a):
    pairs = padding_of(a, x[0].shape[2:], many(a.kernel))
    axes = x[0].dim() - 2
    if plain(x[0], pairs, a) and all(dilation == 1 for dilation in many(a.dilation)):
        options = {} if axes == 1 else {"divisor_override": a.divisor_override or None}
        if axes > 1 or not a.divisor_override:
            return MEANS[axes](x[0], a.kernel, a.stride, [front for front, _ in pairs], a.ceil_mode,
                               a.count_include_pad, **options)
    return sum(taps(pad_each(x[0], reaching(x[0], pairs, a)), a)) / counts(x[0], pairs, a)


def lp_pool(x, a):
    """functional.lp_pool takes no padding, and no odd p of negative numbers."""
    pairs = padding_of(a, x[0].shape[2:], many(a.kernel))
    parts = torch.stack(list(taps(pad_each(x[0], reaching(x[0], pairs, a)), a)), -1)
    return torch.linalg.vector_norm(parts, a.p, dim=-1)


def over_all(function):
    """Of [N, C, extents], whose axes stay with extent 1."""
    def reference(x, a):
        rows = x[0].flatten(2) if x[0].dim() > 2 else x[0].unsqueeze(2)
        return function(rows, a).reshape(a.output[0].shape)
    return reference


def max_unpool(x, a):
    """functional.max_unpool does not add what meets at one place."""
    shape = a.output[0].shape
    y = x[0].new_zeros(*shape[:2], shape[2:].numel())
    return y.scatter_add(2, x[1].flatten(2).long(), x[0].flatten(2)).reshape(shape)


def adaptive_max_pool(x, a):
    if not x[0].numel():
        return nothing(x[0], a)
    return ADAPTIVE_MAXIMA[x[0].dim() - 2](x[0], a.size, return_indices=True)


def adaptive_avg_pool(x, a):
    return ADAPTIVE_MEANS[x[0].dim() - 2](x[0], a.size) if x[0].numel() else nothing(x[0], a)


REFERENCES = {
    **{f"max_pool{axes}d": max_pool for axes in MAXIMA},
    **{f"avg_pool{axes}d": avg_pool for axes in MEANS},
    **{f"lp_pool{axes}d": lp_pool for axes in MEANS},
    **{f"max_unpool{axes}d": max_unpool for axes in MAXIMA},
    **{f"adaptive_max_pool{axes}d": adaptive_max_pool for axes in MAXIMA},
    **{f"adaptive_avg_pool{axes}d": adaptive_avg_pool for axes in MEANS},
    "global_avg_pool": over_all(lambda rows, a: rows.mean(-1)),
    "global_max_pool": over_all(lambda rows, a: rows.max(-1)[0]),
    "global_lp_pool": over_all(lambda rows, a: torch.linalg.vector_norm(rows, a.p, dim=-1)),
}
CANCELS = "of one element the gradient has none: what cancels leaves rounding"
TOLERANCES = {f"lp_pool{axes}d": (1e-9, CANCELS) for axes in MEANS}
