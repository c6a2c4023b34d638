"""vision — images of another size."""
import torch
from torch.nn import functional

from .common import nothing

NEAREST, LINEAR, CUBIC, AREA = range(4)
HALF_PIXEL, ALIGN_CORNERS, ASYMMETRIC, PYTORCH_HALF_PIXEL = range(4)
FLOOR, CEIL, PREFER_FLOOR, PREFER_CEIL = range(4)


def mode_of(a):
    """PyTorch's name of a way to resample along one axis; None: there is none."""
    if a.mode == AREA:
        return "area"
    if a.mode == NEAREST:
        return {(ASYMMETRIC, FLOOR): "nearest", (HALF_PIXEL, PREFER_CEIL): "nearest-exact"}.get(
            (a.coordinates, a.rounding))
    if a.coordinates > ALIGN_CORNERS or (a.mode == CUBIC and a.cubic_a != (-0.5 if a.antialias else -0.75)):
        return None
    return "bilinear" if a.mode == LINEAR else "bicubic"


def resampled(rows, size, scale, a):
    """The last axis of rows [N, n], as the last but one of an image: PyTorch does cubic and antialias of two."""
    options = {"mode": mode_of(a)}
    if a.mode in (LINEAR, CUBIC):
        options |= {"align_corners": a.coordinates == ALIGN_CORNERS, "antialias": a.antialias}
    image = rows.reshape(1, *rows.shape, 1)
    if scale and a.mode != AREA:
        y = functional.interpolate(image, scale_factor=(scale, 1.0), recompute_scale_factor=False, **options)
    else:
        y = functional.interpolate(image, (size, 1), **options)
    return y.reshape(-1, size)


def places(n, size, scale, a):
    """Where each output looks, as ONNX Resize has it."""
    j = torch.arange(size, dtype=torch.float64)
    ratio = scale or size / n
    if a.coordinates == ALIGN_CORNERS:
        return j * (n - 1) / max(size - 1, 1)
    if a.coordinates == ASYMMETRIC:
        return j / ratio
    if a.coordinates == PYTORCH_HALF_PIXEL and size == 1:
        return 0 * j
    return (j + 0.5) / ratio - 0.5


def keys(distance, a):
    """Keys' cubic kernel at distances 0 … 2."""
    near = ((a + 2) * distance - (a + 3)) * distance ** 2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return torch.where(distance < 1, near, far)


def resized(rows, size, scale, a):
    """What only ONNX has: other coordinates, other roundings, another cubic_a."""
    n = rows.shape[-1]
    place = places(n, size, scale, a)

    def pick(index):
        return rows.index_select(1, index.long().clamp(0, n - 1))

    if a.mode == NEAREST:
        return pick((place.floor(), place.ceil(), (place - 0.5).ceil(), (place + 0.5).floor())[a.rounding])
    below = place.floor()
    t = place - below
    if a.mode == LINEAR:
        return (1 - t) * pick(below) + t * pick(below + 1)
    return sum(keys((t - k).abs(), a.cubic_a) * pick(below + k) for k in (-1, 0, 1, 2))


def interpolate(x, a):
    """One axis after the other."""
    y = x[0]
    if not y.numel():
        return nothing(y, a)
    for axis in range(2, y.dim()):
        y = y.movedim(axis, -1)
        size = a.output[0].shape[axis]
        scale = 0 if a.size[axis - 2] else a.scale[axis - 2]
        rows = (resampled if mode_of(a) else resized)(y.reshape(-1, y.shape[-1]), size, scale, a)
        y = rows.reshape(*y.shape[:-1], size).movedim(-1, axis)
    return y


MODES, PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


def grid_sample(x, a):
    return functional.grid_sample(x[0], x[1], MODES[a.mode], PADDINGS[a.padding], a.align_corners)


def affine_grid(x, a):
    if not a.output[0].numel():
        return nothing(x[0], a)
    axes = x[0].shape[1]
    return functional.affine_grid(x[0], [x[0].shape[0], 1, *a.size[:axes]], a.align_corners)


REFERENCES = {
    "interpolate": interpolate,
    "grid_sample": grid_sample,
    "affine_grid": affine_grid,
}
DIFFERENCES = {
    "interpolate": [(lambda x, a: a.antialias and a.coordinates == ALIGN_CORNERS,
                     "PyTorch's antialias takes the corners' scale, and not their places"),
                    (lambda x, a: a.antialias and a.mode in (LINEAR, CUBIC) and mode_of(a) is None,
                     "antialias with coordinates or a cubic_a that only ONNX has")],
    "grid_sample": [(lambda x, a: any(a.order), "a derivative of a sampling, as rules record it"),
                    (lambda x, a: x[0].dim() == 5 and a.mode == 2, "PyTorch samples no volumes cubically")],
}
