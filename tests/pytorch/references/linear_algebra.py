"""linear_algebra — products and factorizations of matrices."""
import torch
from torch.nn import functional


def matmul(x, a):
    left = x[0].mT if a.transpose_a and x[0].dim() > 1 else x[0]
    right = x[1].mT if a.transpose_b and x[1].dim() > 1 else x[1]
    return torch.matmul(left, right)


def dot(x, a):
    """numpy.dot."""
    if not x[0].dim() or not x[1].dim():
        return x[0] * x[1]
    return torch.tensordot(x[0], x[1], dims=([-1], [max(x[1].dim() - 2, 0)]))


def linear(x, a):
    """PyTorch takes a vector as weight, and then no bias."""
    if x[1].dim() == 1:
        return functional.linear(x[0], x[1]) + (0.0 if x[2] is None else x[2])
    return functional.linear(*x)


def bilinear(x, a):
    y = torch.einsum("...i,oij,...j->...o", x[0], x[2], x[1])
    return y if x[3] is None else y + x[3]


def cholesky(x, a):
    """Of the triangle that is read: PyTorch's gradient of it alone is shared out over both triangles."""
    half = torch.triu(x[0]) if a.upper else torch.tril(x[0])
    whole = half + half.mT - torch.diag_embed(half.diagonal(dim1=-2, dim2=-1))
    return torch.linalg.cholesky(whole, upper=a.upper)


def triangular_solve(x, a):
    matrix, upper = (x[0].mT, not a.upper) if a.transpose else (x[0], a.upper)
    return torch.linalg.solve_triangular(matrix, x[1], upper=upper, left=not a.right,
                                         unitriangular=a.unitriangular)


def solve(x, a):
    """b is a vector where its rank is 1, as in NumPy 2."""
    if x[1].dim() == 1:
        return torch.linalg.solve(x[0], x[1].unsqueeze(-1)).squeeze(-1)
    batch = torch.broadcast_shapes(x[0].shape[:-2], x[1].shape[:-2])
    return torch.linalg.solve(x[0], x[1].expand(*batch, *x[1].shape[-2:]))


REFERENCES = {
    "matmul": matmul,
    "dot": dot,
    "outer": lambda x, a: torch.outer(x[0].flatten(), x[1].flatten()),
    "kron": lambda x, a: torch.kron(x[0], x[1]),
    "linear": linear,
    "bilinear": bilinear,
    "einsum": lambda x, a: torch.einsum(a.equation, *x),
    "cholesky": cholesky,
    "triangular_solve": triangular_solve,
    "solve": solve,
    "inverse": lambda x, a: torch.linalg.inv(x[0]),
    "det": lambda x, a: torch.linalg.det(x[0]),
    "slogdet": lambda x, a: tuple(torch.linalg.slogdet(x[0])),
    "matrix_exp": lambda x, a: torch.linalg.matrix_exp(x[0]),
}
