"""gradients — holds every op of the registry to PyTorch: values, and gradients of first and second order.

    gradients.py PROGRAM [OP…]      PROGRAM is vectors.c, built

A line an op: samples, those of them without an element, those left out, those compared in second order too,
elements of gradients, the largest error, remarks. Then the ops that are not compared, each with the reason. An
op that has a gradient and is in neither list is a failure. The last line counts; the exit status is 1 if
something failed. All numbers are f64; compare.py says what an error is relative to."""
import os
import subprocess
import sys
import traceback
import warnings
from collections import Counter

import torch

import compare
import references
import stream


class Tally:
    """What is known of an op after some of its cases."""

    def __init__(self, op):
        self.op = op
        self.reference = references.REFERENCES.get(op.name)
        self.tolerance, self.reason = references.TOLERANCES.get(op.name, (compare.TOLERANCE, None))
        self.samples = self.compared = self.empty = self.second = self.elements = self.with_gradient = 0
        self.largest = 0.0
        self.left_out, self.remarks, self.failures = Counter(), Counter(), []
        self.held = set()

    def difference(self, case):
        """Why PyTorch's gradient is another one here, by intention; None: it is not."""
        x = [case.input[i] for i in sorted(case.input)]
        for applies, reason in references.DIFFERENCES.get(self.op.name, ()):
            if applies(x, case.attributes):
                return reason
        return None

    def add(self, case):
        self.samples += 1
        if not case.cotangent and not case.refused:
            return
        self.with_gradient += 1
        reason = self.difference(case) if self.reference else None
        if reason:
            self.left_out[reason] += 1
        elif self.reference:
            self.compare(case)

    def compare(self, case):
        for k in case.cotangent:
            self.held |= {i for i, x in case.input.items()
                          if x is not None and x.is_floating_point() and (k, i) not in case.gradient}
        try:
            result = compare.compare(case, self.reference, self.tolerance)
        except compare.Disagreement as error:
            self.failures.append((case, str(error)))
            return
        except Exception as error:  # whatever a reference raises is the failure of its case
            self.failures.append((case, "".join(traceback.format_exception(error)[-2:])))
            return
        self.compared += 1
        self.empty += not result.elements
        self.elements += result.elements
        self.second += result.second
        self.largest = max(self.largest, result.largest)
        if result.no_second:
            self.remarks[f"no second order in PyTorch ({result.no_second[:60]})"] += 1

    def why_not_compared(self):
        if self.reference:
            return None
        if self.op.name in references.NOT_COMPARED:
            return references.NOT_COMPARED[self.op.name]
        if self.op.helper:
            return "recorded by rules and expansions alone: part of the gradients of the ops that record it"
        return self.op.no_gradient or None

    def failed(self):
        """Failures beside those of cases."""
        if not self.reference and not self.why_not_compared():
            return "it has a gradient, and no reference to compare it with"
        if self.reference and not self.failures and self.compared == self.empty:
            return "no element of a gradient was compared"
        return None


def describe(tally):
    remarks = [f"{count} left out: {reason}" for reason, count in tally.left_out.items()]
    remarks += [f"{count}× {text}" for text, count in tally.remarks.items()]
    remarks += [f"within {tally.tolerance:g}: {tally.reason}"] if tally.reason else []
    if tally.held:
        remarks += [f"by declaration no gradient to input {', '.join(map(str, sorted(tally.held)))}"]
    left_out = sum(tally.left_out.values())
    print(f"{tally.op.name:28} {tally.compared:8} {tally.empty:5} {left_out:8} {tally.second:6} "
          f"{tally.elements:8} {tally.largest:9.2g}  {'; '.join(remarks)}")


def complain(tally):
    for case, text in tally.failures[:5]:
        inputs = [None if x is None else list(x.shape) for x in case.input.values()]
        attributes = {name: value for name, value in case.attributes.items() if name != "output"}
        print(f"FAILED {tally.op.name}, sample {case.number}, {attributes}, inputs {inputs}: {text}")
    if tally.failed():
        print(f"FAILED {tally.op.name}: {tally.failed()}")


def read_tallies(program, names):
    tallies = {}
    with subprocess.Popen([program, *names], stdout=subprocess.PIPE) as process:
        for op, case in stream.read(process.stdout):
            tally = tallies.setdefault(op.name, Tally(op))
            if case:
                tally.add(case)
    if process.returncode:
        sys.exit(f"{program} failed")
    return list(tallies.values())


def main(program, *names):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of PyTorch, about its own past and future
    tallies = read_tallies(program, names)
    print(f"{'op':28} compared empty left-out second elements     error   (PyTorch {torch.__version__})")
    compared = [tally for tally in tallies if tally.reference]
    for tally in compared:
        describe(tally)
    for tally in tallies:
        if tally.why_not_compared():
            print(f"not compared: {tally.op.name}: {tally.why_not_compared()}")
    failed = sum(len(tally.failures) + bool(tally.failed()) for tally in tallies)
    for tally in tallies:
        complain(tally)
    unknown = set() if names else references.known() - {tally.op.name for tally in tallies}
    for name in sorted(unknown):
        print(f"FAILED {name}: there is no such op in the registry")
    failed += len(unknown)
    largest = max([tally.largest for tally in compared], default=0)
    print(f"torch: {len(compared)} ops, {sum(tally.compared - tally.empty for tally in compared)} samples, "
          f"largest error {largest:.2g}, {failed} failed")
    return 1 if failed or not compared else 0


if __name__ == "__main__":
    status = main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # PyTorch 1.13 sometimes waits for ever for its own threads
