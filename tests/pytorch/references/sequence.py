"""sequence — words as vectors, places in a sequence, and attention."""
import math

import torch
from torch.nn import functional

from .common import nothing
from .indexing import counted


def embedding(x, a):
    rows = x[0].shape[0]
    table = x[0].reshape(rows, math.prod(x[0].shape[1:]))
    padding = a.padding_index if a.has_padding else None
    y = functional.embedding(counted(x[1], rows), table, padding)
    return y.reshape(x[1].shape + x[0].shape[1:])


def bags(index, offsets, include_last_offset):
    """One vector of indices, where each bag begins, and where the last one ends. PyTorch refuses a first offset
    other than 0, takes no bags without places, and writes beyond its memory where a last offset is not the
    end."""
    if offsets is None:
        return index.flatten(), torch.arange(index.shape[0]) * index.shape[1], index.numel()
    starts = offsets.long()
    starts = torch.cat([torch.zeros_like(starts[:1]), starts[1:]]).sort()[0]
    return (index, starts[:-1], int(starts[-1])) if include_last_offset else (index, starts, len(index))


def embedding_bag(x, a):
    weight, index, offsets, scales = x
    flat, starts, end = bags(index, offsets, a.include_last_offset)
    if not len(starts):
        return nothing(weight, a)
    return functional.embedding_bag(counted(flat, len(weight))[:end], weight, starts,
                                    mode=("sum", "mean", "max")[a.mode],
                                    per_sample_weights=None if scales is None else scales.flatten()[:end],
                                    padding_idx=a.padding_index if a.has_padding else None)


def rotary_embedding(x, a):
    values, cos, sin = x
    turned = 2 * cos.shape[-1]
    head, rest = values[..., :turned], values[..., turned:]
    if a.interleaved:
        first, second = head[..., 0::2], head[..., 1::2]
    else:
        first, second = head[..., :turned // 2], head[..., turned // 2:]
    pair = first * cos - second * sin, second * cos + first * sin
    head = torch.stack(pair, -1).flatten(-2) if a.interleaved else torch.cat(pair, -1)
    return torch.cat([head, rest], -1)


def repeat_heads(x, heads):
    """Keys and values once for each head of the queries that shares them."""
    return x.repeat_interleave(heads // x.shape[-3], -3) if x.dim() > 2 and x.shape[-3] else x


def attention(x, a):
    """A query that sees no key gives 0; PyTorch's own says NaN."""
    q, k, v, mask = x
    if q.dim() > 2:
        k, v = repeat_heads(k, q.shape[-3]), repeat_heads(v, q.shape[-3])
    scale = a.scale or 1 / math.sqrt(max(q.shape[-1], 1))
    scores = scale * q @ k.mT
    hidden = torch.zeros_like(scores, dtype=torch.bool)
    if a.is_causal:
        hidden = hidden | torch.ones_like(hidden).triu(1)
    if mask is not None and mask.dtype == torch.bool:
        hidden = hidden | ~mask
    elif mask is not None:
        scores = scores + mask
        hidden = hidden | (scores == -math.inf).detach()
    blind = hidden.all(-1, keepdim=True)
    scores = scores.masked_fill(hidden, -math.inf).masked_fill(blind, 0.0)
    weights = scores.softmax(-1).masked_fill(blind, 0.0)
    return weights @ v, scores.logsumexp(-1).masked_fill(blind.squeeze(-1), 0.0)


REFERENCES = {
    "embedding": embedding,
    "embedding_bag": embedding_bag,
    "rotary_embedding": rotary_embedding,
    "scaled_dot_product_attention": attention,
}
