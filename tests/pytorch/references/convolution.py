"""convolution — of one to three axes, and their transposes."""
from torch.nn import functional

from .common import many, nothing

CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
TRANSPOSES = {1: functional.conv_transpose1d, 2: functional.conv_transpose2d, 3: functional.conv_transpose3d}
GIVEN, SAME_UPPER, SAME_LOWER, VALID = range(4)


def padding_of(a, extents, kernel):
    """(front, behind) of each axis; auto_pad as ONNX has it."""
    axes = len(extents)
    if a.get("auto_pad", GIVEN) == GIVEN:
        return list(zip(many(a.padding)[:axes], many(a.padding)[axes:]))
    if a.auto_pad == VALID:
        return [(0, 0)] * axes
    pairs = []
    for n, k, stride, dilation in zip(extents, kernel, many(a.stride), many(a.dilation)):
        pad = max((n - 1) // stride * stride + dilation * (k - 1) + 1 - n, 0)
        less, more = pad // 2, pad - pad // 2
        pairs.append((less, more) if a.auto_pad == SAME_UPPER else (more, less))
    return pairs


def pad_each(x, pairs, value=0.0):
    """The last axes by (front, behind); negative ones crop."""
    return functional.pad(x, [number for pair in reversed(pairs) for number in pair], value=value)


def along_channels(bias, extents):
    return 0.0 if bias is None else bias.reshape(-1, *[1] * len(extents))


def convolution(x, a):
    extents, kernel = x[0].shape[2:], x[1].shape[2:]
    pairs = padding_of(a, extents, kernel)
    bias = x[2]
    convolve = CONVOLUTIONS[len(extents)]
    if not x[1].numel():  # PyTorch 1.13 gives another shape where there are no channels
        return nothing(x[0], a) + 0 * x[1].sum() + along_channels(bias, extents)
    image, padding = pad_each(x[0], pairs), 0
    if all(front == behind for front, behind in pairs):
        image, padding = x[0], [front for front, _ in pairs]
    return convolve(image, x[1], bias, many(a.stride), padding, many(a.dilation), a.groups)


def transpose_padding(a, extents, kernel):
    """What is cut off in front and behind: by SAME, down to extent * stride."""
    axes = len(extents)
    if a.auto_pad == GIVEN:
        return list(zip(many(a.padding)[:axes], many(a.padding)[axes:]))
    if a.auto_pad == VALID:
        return [(0, 0)] * axes
    pairs = []
    for n, k, stride, dilation, more in zip(extents, kernel, many(a.stride), many(a.dilation),
                                            many(a.output_padding)):
        total = max((n - 1) * stride + dilation * (k - 1) + 1 + more - n * stride, 0)
        half = total // 2
        pairs.append((half, total - half) if a.auto_pad == SAME_UPPER else (total - half, half))
    return pairs


def transpose(x, a):
    """PyTorch pads the same on both sides; here the rest is cut off, or is zeros that were never reached."""
    extents, kernel = x[0].shape[2:], x[1].shape[2:]
    y = TRANSPOSES[len(extents)](x[0], x[1], None, many(a.stride), 0, 0, a.groups, many(a.dilation))
    cut = [(-front, more - behind) for (front, behind), more in
           zip(transpose_padding(a, extents, kernel), many(a.output_padding))]
    return pad_each(y, cut) + along_channels(x[2], extents)


REFERENCES = {
    **{name: convolution for name in ("conv1d", "conv2d", "conv3d")},
    **{f"conv_transpose{axes}d": transpose for axes in TRANSPOSES},
}
