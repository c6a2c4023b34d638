"""elementwise — functions of one, two or three numbers."""
import torch

DTYPES = {"f32": torch.float32, "f64": torch.float64, "i32": torch.int32, "i64": torch.int64,
          "u8": torch.uint8, "bool": torch.bool}


def unary(function):
    return lambda x, a: function(x[0])


def binary(function):
    return lambda x, a: function(x[0], x[1])


def gradient_scale(x, a):
    return a.scale * x[0] + (x[0] - a.scale * x[0]).detach()


def straight_through(x, a):
    return x[0].detach() + (x[1] - x[1].detach())


def nan_to_num(x, a):
    """PyTorch's None is our infinity: the largest number of the dtype."""
    posinf = None if a.posinf == torch.inf else a.posinf
    neginf = None if a.neginf == -torch.inf else a.neginf
    return torch.nan_to_num(x[0], a.nan, posinf, neginf)


UNARY = """neg square sqrt exp log sin cos tanh abs sign floor ceil round trunc expm1 exp2 log1p log2 rsqrt
    reciprocal tan asin acos atan sinh cosh asinh acosh atanh erf erfc lgamma digamma""".split()
BINARY = """add sub mul div pow maximum minimum fmod remainder hypot copysign logaddexp xlogy atan2""".split()
TIE = "at a tie the first has the gradient; PyTorch shares it out"
GAMMA = "PyTorch's trigamma is off by 5e-10 of its own zeta(2, x)"
REFERENCES = {
    **{name: unary(getattr(torch, name)) for name in UNARY},
    **{name: binary(getattr(torch, name)) for name in BINARY},
    "stop_gradient": unary(torch.detach),
    "check_finite": unary(torch.clone),
    "where": lambda x, a: torch.where(x[0], x[1], x[2]),
    "cast": lambda x, a: x[0].to(DTYPES[a.dtype]),
    "clip": lambda x, a: torch.clamp(x[0], a.min, a.max),
    "nan_to_num": nan_to_num,
    "polygamma": lambda x, a: torch.polygamma(a.n, x[0]),
    "lerp": lambda x, a: torch.lerp(*x),
    "addcmul": lambda x, a: torch.addcmul(x[0], x[1], x[2], value=a.value),
    "gradient_scale": gradient_scale,
    "straight_through": straight_through,
}
DIFFERENCES = {
    "maximum": [(lambda x, a: bool((x[0] == x[1]).any()), TIE)],
    "minimum": [(lambda x, a: bool((x[0] == x[1]).any()), TIE)],
}
TOLERANCES = {name: (1e-9, GAMMA) for name in ("lgamma", "digamma", "polygamma")}
