"""references — what PyTorch computes in the place of each op: a function of the list of inputs (None: left out)
and the attributes, which gives the output or a tuple of them. A module a family:

    REFERENCES    op: function
    DIFFERENCES   op: [(applies(inputs, attributes), reason)…]: samples at which the two differ by intention
    TOLERANCES    op: (tolerance, reason), where rounding is more than the tolerance of all
    NOT_COMPARED  op: reason"""
from . import activations, boxes, convolution, elementwise, indexing, linear_algebra, losses, normalization
from . import pooling, random, recurrent, reductions, sequence, shape, vision

FAMILIES = (activations, boxes, convolution, elementwise, indexing, linear_algebra, losses, normalization,
            pooling, random, recurrent, reductions, sequence, shape, vision)


def merged(name):
    return {op: value for family in FAMILIES for op, value in getattr(family, name, {}).items()}


REFERENCES = merged("REFERENCES")
DIFFERENCES = merged("DIFFERENCES")
TOLERANCES = merged("TOLERANCES")
NOT_COMPARED = merged("NOT_COMPARED")


def known():
    return set(REFERENCES) | set(DIFFERENCES) | set(TOLERANCES) | set(NOT_COMPARED)
