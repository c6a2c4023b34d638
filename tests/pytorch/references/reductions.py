"""reductions — over axes, running along one, and in order."""
import math

import torch


def axes_of(x, a):
    """The reduced axes, counted from 0; none named: all."""
    return sorted(axis % x.dim() for axis in a.axes) if a.axes else list(range(x.dim()))


def over_axes(function):
    return lambda x, a: function(x[0], dim=axes_of(x[0], a), keepdim=a.keepdims)


def reduced_last(x, a):
    """x with the reduced axes as one behind the others, and the shape that the result is to have."""
    axes = axes_of(x, a)
    others = [axis for axis in range(x.dim()) if axis not in axes]
    rest = [x.shape[axis] for axis in others]
    moved = x.permute(others + axes).reshape(rest + [math.prod(x.shape[axis] for axis in axes)])
    kept = [1 if axis in axes else x.shape[axis] for axis in range(x.dim())]
    return moved, kept if a.keepdims else rest


def extreme(function):
    """PyTorch's max and min with an index, along one axis; amax would share the gradient of equals out."""
    def reference(x, a):
        moved, shape = reduced_last(x[0], a)
        if moved.numel() == 0:
            return moved.sum(-1).reshape(shape), None
        value, index = function(moved, -1)
        return value.reshape(shape), index.reshape(shape)
    return reference


def prod(x, a):
    moved, shape = reduced_last(x[0], a)
    return moved.prod(-1).reshape(shape)


def scan(function, start):
    """A running sum or product, that of ONNX's attributes: before the element itself, from the last on."""
    def reference(x, a):
        y = x[0].flip(a.axis) if a.reverse else x[0]
        if a.exclusive and y.shape[a.axis]:
            first = torch.full_like(y.narrow(a.axis, 0, 1), start)
            y = torch.cat([first, y.narrow(a.axis, 0, y.shape[a.axis] - 1)], a.axis)
        y = function(y, a.axis)
        return y.flip(a.axis) if a.reverse else y
    return reference


def var(x, a):
    axes = axes_of(x[0], a)
    if a.correction == int(a.correction):
        return torch.var(x[0], dim=axes, correction=int(a.correction), keepdim=a.keepdims)
    count = math.prod(x[0].shape[axis] for axis in axes)
    off = x[0] - x[0].mean(axes, keepdim=True)
    return off.square().sum(axes, keepdim=a.keepdims) / max(count - a.correction, 0)


def norm(x, a):
    return torch.linalg.vector_norm(x[0], a.p, dim=axes_of(x[0], a), keepdim=a.keepdims)


def topk(x, a):
    value, index = torch.topk(x[0], a.k, a.axis, a.largest, True)
    if not a.sorted:
        index = index.sort(a.axis)[0]
        value = x[0].gather(a.axis, index)
    return value, index


def median(x, a):
    moved, shape = reduced_last(x[0], a)
    if moved.numel() == 0:
        return moved.sum(-1).reshape(shape), None
    value, index = moved.median(-1)
    return value.reshape(shape), index.reshape(shape)


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(x, a):
    moved, shape = reduced_last(x[0], a)
    if moved.numel() == 0:
        return moved.sum(-1).reshape(shape).expand([a.count] * bool(a.count) + list(shape))
    q = torch.tensor(a.q[:a.count] if a.count else a.q[0], dtype=x[0].dtype)
    y = torch.quantile(moved, q, -1, interpolation=INTERPOLATIONS[a.interpolation])
    return y.reshape([a.count] * bool(a.count) + list(shape))


REFERENCES = {
    "sum": over_axes(torch.sum),
    "mean": over_axes(torch.mean),
    "max": extreme(torch.max),
    "min": extreme(torch.min),
    "prod": prod,
    "cumsum": scan(torch.cumsum, 0.0),
    "cumprod": scan(torch.cumprod, 1.0),
    "var": var,
    "std": lambda x, a: var(x, a).sqrt(),
    "norm": norm,
    "logsumexp": over_axes(torch.logsumexp),
    "sort": lambda x, a: tuple(torch.sort(x[0], dim=a.axis, descending=a.descending, stable=True)),
    "topk": topk,
    "cumulative_max": lambda x, a: tuple(torch.cummax(x[0], a.axis)),
    "cumulative_min": lambda x, a: tuple(torch.cummin(x[0], a.axis)),
    "median": median,
    "quantile": quantile,
}
