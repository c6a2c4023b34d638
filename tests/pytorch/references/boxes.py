"""boxes — roi_align, which torchvision has and PyTorch has not: its definition (He et al. 2017, and ONNX's mode
max), tap by tap."""
import itertools
import math

import torch


def samples_of(first, last, windows, window, a):
    """Where a window is sampled along one axis."""
    span = last - first if a.aligned else max(last - first, 1.0)
    wide = span / windows
    count = a.sampling_ratio or max(math.ceil(wide), 0)
    return [first + window * wide + (i + 0.5) * wide / count for i in range(count)]


def taps_of(place, extent):
    """The two pixels about a place and their weights; farther off than a pixel there are none."""
    if place < -1 or place > extent:
        return None
    place = min(max(place, 0.0), extent - 1.0)
    low = int(place)
    return [(low, 1 - (place - low)), (min(low + 1, extent - 1), place - low)]


def window(image, rows, columns, a):
    """Of image [C, H, W] all samples of one window."""
    height, width = image.shape[1:]
    index, weights = [], []
    for y, x in itertools.product(rows, columns):
        of_y, of_x = taps_of(y, height), taps_of(x, width)
        for (i, u), (j, v) in itertools.product(of_y, of_x) if of_y and of_x else [((0, 0.0), (0, 0.0))]:
            index.append(i * width + j)
            weights.append(u * v)
    if not index:
        return 0 * image.sum((1, 2))
    parts = image.flatten(1)[:, index] * torch.tensor(weights, dtype=image.dtype)
    return parts.max(-1)[0] if a.maximum else parts.sum(-1) / (len(rows) * len(columns))


def roi_align(x, a):
    image, boxes, batch = x[0], x[1] * a.spatial_scale - (0.5 if a.aligned else 0.0), x[2]
    high, wide = a.output[0].shape[2:]
    found = []
    for (left, top, right, bottom), n in zip(boxes.tolist(), batch.tolist()):
        rows = [samples_of(top, bottom, high, i, a) for i in range(high)]
        columns = [samples_of(left, right, wide, j, a) for j in range(wide)]
        found += [window(image[n], rows[i], columns[j], a) for i in range(high) for j in range(wide)]
    if not found:
        return image.new_zeros(a.output[0].shape) + 0 * image.sum()
    return torch.stack(found).reshape(len(boxes), high, wide, -1).movedim(-1, 1)


REFERENCES = {"roi_align": roi_align}
