"""compare — one case of an op against its reference: values, gradients, and gradients of gradients."""
import torch

TOLERANCE = 1e-10
LEAST = 1e-4


class Disagreement(Exception):
    pass


def error_of(what, ours, theirs):
    """The largest |ours - theirs| by the size of the element, but no smaller one than that of the tensor's
    largest within LEAST … 1: rounding of numbers that cancel is not an error of what is left."""
    ours, theirs = ours.double(), theirs.detach().double()
    if ours.shape != theirs.shape:
        raise Disagreement(f"{what} is {list(ours.shape)}, PyTorch's {list(theirs.shape)}")
    same = (ours == theirs) | (ours.isnan() & theirs.isnan())
    if same.all():
        return 0.0
    finite = theirs[theirs.isfinite()].abs()
    least = min(1.0, max(LEAST, finite.max().item())) if finite.numel() else 1.0
    off = ((ours - theirs).abs() / theirs.abs().clamp(min=least)).masked_fill(same, 0.0)
    return off.nan_to_num(nan=torch.inf).max().item()


def inputs_of(case):
    """Fresh leaves: those with a gradient from some output ask for one."""
    active = {i for _, i in case.gradient}
    given = [case.input[i] for i in sorted(case.input)]
    return [x if x is None else x.clone().requires_grad_(i in active) for i, x in enumerate(given)]


def zeros_for(gradients, inputs):
    return [torch.zeros_like(x) if g is None else g for g, x in zip(gradients, inputs)]


class Comparison:
    """What one case showed: the largest error, elements of gradients compared, and whether second order was."""

    def __init__(self, case, tolerance):
        self.case, self.tolerance = case, tolerance
        self.elements, self.largest, self.second, self.no_second = 0, 0.0, False, None

    def hold(self, what, ours, theirs):
        error = error_of(what, ours, theirs)
        self.largest = max(self.largest, error)
        if not error <= self.tolerance:
            raise Disagreement(f"{what} off by {error:.3g}:\n  ours    {ours.flatten()[:12].tolist()}\n"
                               f"  PyTorch {theirs.flatten()[:12].tolist()}")

    def values(self, outputs):
        for k, ours in self.case.output.items():
            theirs = outputs[k] if k < len(outputs) else None
            if theirs is not None:
                self.hold(f"output {k}", ours, theirs)
            elif k in self.case.cotangent:
                raise Disagreement(f"the reference has no output {k}")

    def gradients(self, k, y, x):
        """Of output k, by the inputs that have one; then those of their weighed sum."""
        numbers = [i for (output, i) in self.case.gradient if output == k]
        wanted = [x[i] for i in numbers]
        cotangent = self.case.cotangent[k].to(y.dtype).requires_grad_()
        found = [None] * len(wanted)
        if y.requires_grad:
            found = torch.autograd.grad(y, wanted, cotangent, create_graph=True, allow_unused=True)
        found = zeros_for(found, wanted)
        for i, theirs in zip(numbers, found):
            self.hold(f"gradient of output {k} by input {i}", self.case.gradient[k, i], theirs)
            self.elements += theirs.numel()
        if (k, 2) not in self.case.refused:
            self.seconds(k, numbers, found, wanted, cotangent)

    def seconds(self, k, numbers, found, wanted, cotangent):
        total = sum((self.case.direction[k, i] * g).sum() for i, g in zip(numbers, found))
        leaves, leaf_numbers = wanted + [cotangent], numbers + [-1]
        seconds = [None] * len(leaves)
        if total.requires_grad:
            try:
                seconds = torch.autograd.grad(total, leaves, retain_graph=True, allow_unused=True)
            except RuntimeError as error:  # PyTorch has no gradient of that gradient
                self.no_second = str(error).split("\n")[0]
                return
        for i, theirs in zip(leaf_numbers, zeros_for(seconds, leaves)):
            self.hold(f"second-order gradient of output {k} by input {i}", self.case.second[k, i], theirs)
        self.second = True


def compare(case, reference, tolerance=TOLERANCE):
    """A Comparison; raises Disagreement."""
    result = Comparison(case, tolerance)
    for (k, order), message in case.refused.items():
        raise Disagreement(f"output {k} has no gradient of order {order}: {message}")
    x = inputs_of(case)
    outputs = reference(x, case.attributes)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    result.values(outputs)
    for k in case.cotangent:
        result.gradients(k, outputs[k], x)
    return result
