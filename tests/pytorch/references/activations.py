"""activations — the nonlinearities of networks."""
import torch
from torch.nn import functional

from .elementwise import unary


def hard_sigmoid(x, a):
    return (a.alpha * x[0] + a.beta).clamp(0, 1)


def selu(x, a):
    return a.gamma * torch.where(x[0] > 0, x[0], a.alpha * torch.expm1(x[0].clamp(max=0)))


def celu(x, a):
    """What functional.celu calls, but for 1 / alpha, which it rounds to f32."""
    return torch._C._nn.elu(x[0], a.alpha, 1.0, 1 / a.alpha)


def swiglu(x, a):
    gate, value = x[0].chunk(2, a.axis)
    return functional.silu(gate) * value


def prelu(x, a):
    return torch.where(x[0] > 0, x[0], x[1] * x[0])


REFERENCES = {
    "relu": unary(torch.relu),
    "sigmoid": unary(torch.sigmoid),
    "relu6": unary(functional.relu6),
    "leaky_relu": lambda x, a: functional.leaky_relu(x[0], a.alpha),
    "prelu": prelu,
    "hard_sigmoid": hard_sigmoid,
    "hard_swish": unary(functional.hardswish),
    "hard_tanh": lambda x, a: functional.hardtanh(x[0], a.min, a.max),
    "hard_shrink": lambda x, a: functional.hardshrink(x[0], a["lambda"]),
    "soft_shrink": lambda x, a: functional.softshrink(x[0], a["lambda"]),
    "threshold": lambda x, a: functional.threshold(x[0], a.threshold, a.value),
    "elu": lambda x, a: functional.elu(x[0], a.alpha),
    "selu": selu,
    "celu": celu,
    "gelu": lambda x, a: functional.gelu(x[0], approximate="tanh" if a.tanh else "none"),
    "silu": unary(functional.silu),
    "mish": unary(functional.mish),
    "log_sigmoid": unary(functional.logsigmoid),
    "softplus": lambda x, a: functional.softplus(x[0], a.beta, a.threshold),
    "softsign": unary(functional.softsign),
    "glu": lambda x, a: functional.glu(x[0], a.axis),
    "swiglu": swiglu,
    "softmax": lambda x, a: torch.softmax(x[0], a.axis),
    "log_softmax": lambda x, a: torch.log_softmax(x[0], a.axis),
    "softmin": lambda x, a: functional.softmin(x[0], a.axis),
}
