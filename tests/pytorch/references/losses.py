"""losses — distances between what a model says and what it should."""
import torch
from torch.nn import functional

REDUCTIONS = ("mean", "sum", "none")


def reduced(y, a):
    return (y.mean, y.sum, y.clone)[a.reduction]()


def of_two(function, **names):
    """A loss of x and target; `names` are PyTorch's for our attributes."""
    return lambda x, a: function(x[0], x[1], reduction=REDUCTIONS[a.reduction],
                                 **{theirs: a[ours] for theirs, ours in names.items()})


def bce(x, a):
    """PyTorch has no gradient to the weight."""
    y, weight = functional.binary_cross_entropy(x[0], x[1], reduction="none"), x[2]
    return reduced(y if weight is None else y * weight, a)


def bce_with_logits(x, a):
    """PyTorch has no gradient to the weights."""
    logits, target, weight, pos_weight = x
    if pos_weight is None:
        y = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    else:
        positive, negative = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        y = -(pos_weight * target * positive + (1 - target) * negative)
    return reduced(y if weight is None else weight * y, a)


def sigmoid_focal_loss(x, a):
    """Lin et al. 2017, as torchvision writes it."""
    logits, target = x
    p = logits.sigmoid()
    y = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    y = y * (1 - (p * target + (1 - p) * (1 - target))) ** a.gamma
    return reduced(y if a.alpha < 0 else (a.alpha * target + (1 - a.alpha) * (1 - target)) * y, a)


def gaussian_nll_loss(x, a):
    return functional.gaussian_nll_loss(x[0], x[1], x[2], a.full, a.epsilon, REDUCTIONS[a.reduction])


def poisson_nll_loss(x, a):
    return functional.poisson_nll_loss(x[0], x[1], a.log_input, a.full, eps=a.epsilon,
                                       reduction=REDUCTIONS[a.reduction])


def margin_ranking_loss(x, a):
    return functional.margin_ranking_loss(*x, margin=a.margin, reduction=REDUCTIONS[a.reduction])


def triplet_margin_loss(x, a):
    return functional.triplet_margin_loss(*x, margin=a.margin, p=a.p, eps=a.epsilon, swap=a.swap,
                                          reduction=REDUCTIONS[a.reduction])


def cosine_similarity(left, right, axis, epsilon):
    """PyTorch 1.13 differentiates a length as if it did not count as epsilon where it does."""
    left, right = torch.broadcast_tensors(left, right)
    lengths = [torch.linalg.vector_norm(y, dim=axis, keepdim=True) for y in (left, right)]
    if all((length > epsilon).all() for length in lengths):
        return functional.cosine_similarity(left, right, axis, epsilon)
    return (left / lengths[0].clamp(min=epsilon) * (right / lengths[1].clamp(min=epsilon))).sum(axis)


def cosine_embedding_loss(x, a):
    cosine = cosine_similarity(x[0], x[1], -1, 1e-8)
    zero = torch.zeros_like(cosine)
    y = torch.where(x[2] == 1, 1 - cosine, zero)
    y = torch.where(x[2] == -1, (cosine - a.margin).clamp(min=0), y)
    return reduced(y, a)


def counted(targets, ignore_index):
    """Class indices in i64, those that do not count being 0, and a mask of those that do."""
    targets = targets.long()
    counts = (targets >= 0) & (targets != ignore_index)
    return targets * counts, counts


def nll_loss(x, a):
    """PyTorch has no gradient to the weight, and ignores one index alone."""
    targets, counts = counted(x[1], a.ignore_index)
    weight = x[0].new_ones(x[0].shape[1]) if x[2] is None else x[2]
    weights = weight[targets] * counts
    y = functional.nll_loss(x[0], targets, reduction="none") * weights
    return (y.sum() / weights.sum(), y.sum(), y)[a.reduction]


def softmax_cross_entropy(x, a):
    """Without a weight PyTorch's own; it has no gradient to that."""
    logits, targets, weight = x[0], x[1], x[2]
    options = {"reduction": "none", "label_smoothing": a.label_smoothing}
    if targets.is_floating_point():
        if weight is None:
            return functional.cross_entropy(logits, targets, **options)
        p = targets
        counts = torch.ones_like(logits.select(1, 0))
    else:
        targets, counts = counted(targets, a.ignore_index)
        if weight is None:
            return functional.cross_entropy(logits, targets, **options) * counts
        p = functional.one_hot(targets, logits.shape[1]).movedim(-1, 1).to(logits.dtype)
    p = p * (1 - a.label_smoothing) + a.label_smoothing / logits.shape[1]
    weights = weight.reshape([-1 if axis == 1 else 1 for axis in range(logits.dim())])
    return -(weights * p * logits.log_softmax(1)).sum(1) * counts


def ctc_loss(x, a):
    """PyTorch's gradient is one by what goes into a log_softmax: that by x lacks exp(x) of each step that counts."""
    scores, targets, steps, lengths = x[0], x[1].long(), x[2].long(), x[3].long()
    infinite = functional.ctc_loss(scores.detach(), targets, steps, lengths, a.blank, "none").isinf()
    y = functional.ctc_loss(scores, targets, steps, lengths, a.blank, "none", a.zero_infinity)
    counts = (torch.arange(len(scores)).unsqueeze(-1) < steps) & ~infinite
    excess = (scores.exp().sum(-1) * counts).sum(0)
    return y - (excess - excess.detach())


def without_alignment(x, a):
    return not a.zero_infinity and bool(a.output[0].isinf().any())


def without_steps(x, a):
    return not x[0].shape[0] or bool((x[2] == 0).any())


REFERENCES = {
    "mse_loss": of_two(functional.mse_loss),
    "l1_loss": of_two(functional.l1_loss),
    "huber_loss": of_two(functional.huber_loss, delta="delta"),
    "smooth_l1_loss": of_two(functional.smooth_l1_loss, beta="beta"),
    "gaussian_nll_loss": gaussian_nll_loss,
    "poisson_nll_loss": poisson_nll_loss,
    "bce_loss": bce,
    "bce_with_logits": bce_with_logits,
    "sigmoid_focal_loss": sigmoid_focal_loss,
    "kl_div": of_two(functional.kl_div, log_target="log_target"),
    "margin_ranking_loss": margin_ranking_loss,
    "hinge_embedding_loss": of_two(functional.hinge_embedding_loss, margin="margin"),
    "triplet_margin_loss": triplet_margin_loss,
    "cosine_similarity": lambda x, a: cosine_similarity(x[0], x[1], a.axis, a.epsilon),
    "cosine_embedding_loss": cosine_embedding_loss,
    "nll_loss": nll_loss,
    "softmax_cross_entropy": softmax_cross_entropy,
    "ctc_loss": ctc_loss,
}
DIFFERENCES = {
    "ctc_loss": [(without_alignment, "an infinite loss has the gradient 0; PyTorch's is NaN"),
                 (without_steps, "of no steps PyTorch reads what is beyond its memory")],
    "smooth_l1_loss": [(lambda x, a: a.beta == 0 and bool((x[0] == x[1]).any()),
                        "the gradient of |x - target| is 0 at 0; PyTorch's that of target - x")],
}
TOLERANCES = {"bce_loss": (1e-9, "PyTorch adds 1e-12 to x (1 - x) in second order")}
