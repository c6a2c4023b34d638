"""stream — reads what vectors.c writes: ops, and of each its cases with values and gradients as tensors."""
import math
import shlex

import numpy
import torch

DTYPES = {"f32": "<f4", "f64": "<f8", "i32": "<i4", "i64": "<i8", "u8": "u1", "bool": "?"}


class Attributes(dict):
    """An op's attributes by name; a case adds `output`, the tensors that our op gave."""

    __getattr__ = dict.__getitem__


class Op:
    def __init__(self, name, torch_name, no_gradient, helper):
        self.name, self.torch_name, self.no_gradient = name, torch_name, no_gradient
        self.helper = helper == "1"
        self.schema = {}

    def parse(self, text):
        return Attributes((name, value_of(*self.schema[name], value))
                          for name, value in (word.split("=", 1) for word in shlex.split(text)))


class Case:
    """Tensors by number: inputs (None: left out), outputs, cotangents; by output and input: gradients, the
    directions that weigh them, and the gradients of that sum, those by the cotangent as of input -1."""

    def __init__(self, number, attributes):
        self.number, self.attributes = number, attributes
        self.input, self.output, self.cotangent = {}, {}, {}
        self.gradient, self.direction, self.second, self.refused = {}, {}, {}, {}

    def put(self, word, first, second, tensor):
        table = getattr(self, word)
        table[(first, second) if word in ("gradient", "direction", "second") else first] = tensor


def value_of(kind, count, text):
    """The value of an attribute, a list where the op has several numbers there."""
    if kind in ("text", "dtype"):
        return text
    if kind == "bool":
        return text == "1"
    number = float if kind == "real" else int
    numbers = [number(word) for word in text.split(",") if word]
    return numbers if kind in ("axes", "shape") or count > 1 else numbers[0]


def read_tensor(file, dtype, shape):
    shape = [int(extent) for extent in shape.split(",") if extent]
    kind = numpy.dtype(DTYPES[dtype])
    data = file.read(kind.itemsize * math.prod(shape))
    return torch.from_numpy(numpy.frombuffer(data, kind).reshape(shape).copy())


def read(file):
    """Yields (op, None) for each op, and then (op, case) for its cases."""
    op = case = None
    for line in iter(file.readline, b""):
        word, *fields = line.decode().rstrip("\n").split("\t")
        if word == "op":
            op = Op(*fields)
            yield op, None
        elif word == "attribute":
            op.schema[fields[0]] = (fields[1], int(fields[2]))
        elif word == "case":
            case = Case(int(fields[0]), op.parse(fields[1]))
        elif word == "absent":
            case.input[int(fields[0])] = None
        elif word == "refused":
            case.refused[int(fields[0]), int(fields[1])] = fields[2]
        elif word == "end":
            case.attributes["output"] = case.output
            yield op, case
        else:
            case.put(word, int(fields[0]), int(fields[1]), read_tensor(file, *fields[2:]))
