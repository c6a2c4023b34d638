"""shape — numbers moved and joined."""
import torch
from torch.nn import functional

from .common import nothing


def axes_or_all(x, axes):
    return axes or list(range(x.dim()))


def sliced(x, a):
    """By indices: PyTorch's own slices have no negative steps."""
    index = range(*slice(a.start, a.stop, a.step).indices(x[0].shape[a.axis]))
    return x[0].index_select(a.axis, torch.tensor(list(index), dtype=torch.int64))


def squeeze(x, a):
    axes = [axis % x[0].dim() for axis in a.axes]
    return x[0].reshape([n for axis, n in enumerate(x[0].shape) if axis not in axes and (axes or n != 1)])


def unsqueeze(x, a):
    rank = x[0].dim() + len(a.axes)
    y = x[0]
    for axis in sorted(axis % rank for axis in a.axes):
        y = y.unsqueeze(axis)
    return y


def pad_step(x, before, after, mode):
    """The last axis, by no more than it has."""
    rows = functional.pad(x.reshape(1, -1, x.shape[-1]), (before, after), mode=mode)
    return rows.reshape(*x.shape[:-1], rows.shape[-1])


def pad_last(x, before, after, mode):
    """The last axis, by any number: what PyTorch refuses is done in steps of what it takes."""
    extent = x.shape[-1]
    if mode == "reflect" and extent == 1:
        mode = "replicate"
    most = {"reflect": extent - 1, "circular": extent, "replicate": 1 << 30}[mode]
    while before > most:
        x, before = pad_step(x, most, 0, mode), before - most
    while after > most:
        x, after = pad_step(x, 0, most, mode), after - most
    return pad_step(x, before, after, mode) if before or after else x


def pad(x, a):
    y = x[0]
    if not y.numel():
        return nothing(y, a, a.value if a.mode == 0 else 0.0)
    if a.mode == 0:
        pairs = [number for pair in zip(reversed(a.before), reversed(a.after)) for number in pair]
        return functional.pad(y, pairs, value=a.value)
    for axis, (before, after) in enumerate(zip(a.before, a.after)):
        y = y.movedim(axis, -1)
        y = y.narrow(-1, max(-before, 0), y.shape[-1] - max(-before, 0) - max(-after, 0))
        y = pad_last(y, max(before, 0), max(after, 0), ("", "reflect", "replicate", "circular")[a.mode])
        y = y.movedim(-1, axis)
    return y


def depth_to_space(x, block, mode):
    *batch, depth, height, width = x.shape
    n = len(batch)
    inner = depth // block ** 2
    parts = [block, block, inner] if mode == 0 else [inner, block, block]
    rows, columns, channels = (n, n + 1, n + 2) if mode == 0 else (n + 1, n + 2, n)
    y = x.reshape(*batch, *parts, height, width)
    y = y.permute(*range(n), channels, n + 3, rows, n + 4, columns)
    return y.reshape(*batch, inner, height * block, width * block)


def space_to_depth(x, block, mode):
    *batch, depth, height, width = x.shape
    n = len(batch)
    y = x.reshape(*batch, depth, height // block, block, width // block, block)
    channels, rows, columns = n, n + 2, n + 4
    order = [rows, columns, channels] if mode == 0 else [channels, rows, columns]
    y = y.permute(*range(n), *order, n + 1, n + 3)
    return y.reshape(*batch, depth * block ** 2, height // block, width // block)


def diagonal(x, a):
    return torch.diagonal(x[0], a.offset, a.axis1, a.axis2)


def pixel_shuffle(x, a):
    """PyTorch 1.13 cannot do those without elements."""
    return functional.pixel_shuffle(x[0], a.factor) if x[0].numel() else depth_to_space(x[0], a.factor, 1)


def pixel_unshuffle(x, a):
    return functional.pixel_unshuffle(x[0], a.factor) if x[0].numel() else space_to_depth(x[0], a.factor, 1)


def diag(x, a):
    """torch.diag fails at diagonals outside the matrix."""
    return torch.diag(x[0], a.k) if x[0].dim() == 1 else torch.diagonal(x[0], a.k)


def within(k):
    """PyTorch's arithmetic overflows beyond."""
    return max(-1 << 31, min(k, 1 << 31))


def images(function):
    """A function of images [N, C, …], for x of any number of axes in front."""
    def reference(x, a):
        axes = 3 if function is unfold else 2
        if not x[0].numel() or not a.output[0].numel():
            return nothing(x[0], a)
        y = function(x[0].reshape(-1, *x[0].shape[-axes:]), a)
        return y.reshape(*x[0].shape[:-axes], *y.shape[1:])
    return reference


def unfold(x, a):
    return functional.unfold(x, a.kernel, a.dilation, a.padding, a.stride)


def fold(x, a):
    return functional.fold(x, a.size, a.kernel, a.dilation, a.padding, a.stride)


REFERENCES = {
    "reshape": lambda x, a: x[0].reshape(a.output[0].shape),
    "broadcast_to": lambda x, a: torch.broadcast_to(x[0], a.shape),
    "transpose": lambda x, a: x[0].permute(a.axes or list(reversed(range(x[0].dim())))),
    "slice": sliced,
    "concat": lambda x, a: torch.cat(x, a.axis),
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "flatten": lambda x, a: torch.flatten(x[0], a.first_axis, a.last_axis),
    "stack": lambda x, a: torch.stack(x, a.axis),
    "flip": lambda x, a: torch.flip(x[0], axes_or_all(x[0], a.axes)),
    "tile": lambda x, a: torch.tile(x[0], a.repeats),
    "repeat_interleave": lambda x, a: torch.repeat_interleave(x[0], a.repeats, a.axis),
    "pad": pad,
    "roll": lambda x, a: torch.roll(x[0], a.shifts, a.axes),
    "tril": lambda x, a: torch.tril(x[0], within(a.k)),
    "triu": lambda x, a: torch.triu(x[0], within(a.k)),
    "depth_to_space": lambda x, a: depth_to_space(x[0], a.block, a.mode),
    "space_to_depth": lambda x, a: space_to_depth(x[0], a.block, a.mode),
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "diagonal": diagonal,
    "trace": lambda x, a: diagonal(x, a).sum(-1),
    "diag": diag,
    "unfold": images(unfold),
    "fold": images(fold),
}
