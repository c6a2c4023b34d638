"""indexing — numbers picked and put somewhere."""
import torch


def counted(index, extent):
    """Indices in i64, from the front."""
    index = index.long()
    return index + extent * (index < 0)


def gather(x, a):
    axis = a.axis % x[0].dim()
    index = counted(x[1], x[0].shape[axis])
    picked = x[0].index_select(axis, index.reshape(-1))
    return picked.reshape(x[0].shape[:axis] + index.shape + x[0].shape[axis + 1:])


def take_along_axis(x, a):
    return torch.gather(x[0], a.axis, counted(x[1], x[0].shape[a.axis]))


def scatter_elements(x, a):
    index = counted(x[1], x[0].shape[a.axis])
    if a.get("reduction", 1) == 1:
        return torch.scatter_add(x[0], a.axis, index, x[2])
    return torch.scatter(x[0], a.axis, index, x[2])


def tuples(x, index, batch):
    """Index tensors for x[…]: those of the shared axes, then the columns of the tuples."""
    shape = index.shape[:-1]
    shared = [torch.arange(n).reshape([-1 if axis == i else 1 for i in range(len(shape))]).expand(shape)
              for axis, n in enumerate(shape[:batch])]
    return tuple(shared + [counted(index[..., i], x.shape[batch + i]) for i in range(index.shape[-1])])


def gather_nd(x, a):
    place = tuples(x[0], x[1], a.batch_dims)
    return x[0][place] if place else x[0].expand(a.output[0].shape)


def scatter_nd(x, a):
    place = tuples(x[0], x[1], 0)
    if not place:
        place = (torch.zeros(x[1].shape[:-1], dtype=torch.int64),)
        return x[0].unsqueeze(0).index_put(place, x[2], accumulate=a.reduction == 1)[0]
    return x[0].index_put(place, x[2], accumulate=a.reduction == 1)


def replaces_twice(names_rows):
    """Does some element get two updates, of which the last is to stay?"""
    def applies(x, a):
        if a.reduction != 0 or not x[1].numel():
            return False
        if names_rows:
            place = torch.stack([counted(x[1][..., i], x[0].shape[i]).reshape(-1)
                                 for i in range(x[1].shape[-1])], -1)
            return len(place.unique(dim=0)) < len(place)
        index = counted(x[1], x[0].shape[a.axis]).movedim(a.axis, 0)
        return any(len(row.unique()) < len(row) for row in index.reshape(index.shape[0], -1).T)
    return applies


TWICE = "of several updates of one element the last stays; PyTorch leaves that open, and all get the gradient"
REFERENCES = {
    "gather": gather,
    "index_select": gather,
    "masked_fill": lambda x, a: torch.masked_fill(x[0], x[1], a.value),
    "take_along_axis": take_along_axis,
    "scatter_elements": scatter_elements,
    "scatter_add": scatter_elements,
    "gather_nd": gather_nd,
    "scatter_nd": scatter_nd,
}
DIFFERENCES = {
    "scatter_elements": [(replaces_twice(False), TWICE)],
    "scatter_nd": [(replaces_twice(True), TWICE)],
}
