#!/usr/bin/env python3
"""PyTorch's side of the reference steps (see README.md in this folder): one JSON object a line, with the keys of
`wengert bench`.

    bench/torch_peers.py [MODEL ...] [--threads N] [--dtype f32|f64|bf16] [--seconds S]

Each variant runs in a process of its own, so that its memory is its own. For times PyTorch gets its best: an
allocator that keeps its pages, and the OpenMP build of OpenBLAS where it is installed. With --memory it runs as
it comes, and only memory is measured. --paced and --weights are for bench/compare.
"""
import argparse
import glob
import json
import math
import os
import struct
import subprocess
import sys
import time
from collections import OrderedDict

MODELS = ["mlp", "lenet5", "cnn", "resnet18", "gpt", "lstm", "chain"]
IMAGES = {"lenet5", "cnn", "resnet18"}
MEMORY_STEPS = 20


# --- Models: layers have the names that `wengert bench` gives them ---------------------------------------------


def sequence(*layers):
    """nn.Sequential of (name, layer) pairs; a layer without weights may stand alone."""
    from torch import nn
    pairs = [layer if isinstance(layer, tuple) else (f"_{i}", layer) for i, layer in enumerate(layers)]
    return nn.Sequential(OrderedDict(pairs))


def digits_model(name):
    from torch import nn
    if name == "mlp":
        return sequence(nn.Flatten(), ("fc1", nn.Linear(784, 256)), nn.ReLU(), ("fc2", nn.Linear(256, 10)))
    if name == "lenet5":
        return sequence(("conv1", nn.Conv2d(1, 6, 5, padding=2)), nn.ReLU(), nn.MaxPool2d(2),
                        ("conv2", nn.Conv2d(6, 16, 5)), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                        ("fc1", nn.Linear(400, 120)), nn.ReLU(), ("fc2", nn.Linear(120, 84)), nn.ReLU(),
                        ("fc3", nn.Linear(84, 10)))
    return sequence(("conv1", nn.Conv2d(1, 32, 3, padding=1)), nn.ReLU(), nn.MaxPool2d(2),
                    ("conv2", nn.Conv2d(32, 64, 3, padding=1)), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                    ("fc1", nn.Linear(3136, 128)), nn.ReLU(), ("fc2", nn.Linear(128, 10)))


def resnet18():
    import torch.nn.functional as F
    from torch import nn

    class Residual(nn.Module):
        def __init__(self, channels_in, channels, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(channels)
            self.shortcut = nn.Identity()
            if stride != 1 or channels_in != channels:
                self.shortcut = nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False),
                                              nn.BatchNorm2d(channels))

        def forward(self, x):
            y = F.relu(self.norm1(self.conv1(x)))
            return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))

    layers = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    channels_in = 64
    for stage, channels in enumerate((64, 128, 256, 512)):
        for block in range(2):
            layers.append(Residual(channels_in, channels, 2 if stage and not block else 1))
            channels_in = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def gpt(vocabulary=96, context=128, layers=4, width=256, heads=8):
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def attend(self, x):
            batch, length, _ = x.shape
            split = self.qkv(x).view(batch, length, 3, heads, width // heads)
            query, key, value = split.permute(2, 0, 3, 1, 4)
            if hasattr(F, "scaled_dot_product_attention"):
                mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
            else:
                scores = query @ key.transpose(-1, -2) / math.sqrt(width // heads)
                future = torch.ones(length, length, dtype=torch.bool).triu(1)
                mixed = scores.masked_fill(future, float("-inf")).softmax(-1) @ value
            return self.out(mixed.transpose(1, 2).reshape(batch, length, width))

        def forward(self, x):
            x = x + self.attend(self.norm1(x))
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.position = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
            self.blocks = nn.Sequential(*[Block() for _ in range(layers)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

        def forward(self, tokens):
            x = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
            return self.head(self.norm(self.blocks(x))).flatten(0, 1)

    return Transformer()


def lstm():
    from torch import nn

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Embedding(96, 128)
            self.layers = nn.LSTM(128, 256, 2, batch_first=True)
            self.head = nn.Linear(256, 96)

        def forward(self, tokens):
            return self.head(self.layers(self.token(tokens))[0]).flatten(0, 1)

    return Recurrent()


def model_and_batch(name):
    import torch
    torch.manual_seed(0)
    if name == "resnet18":
        return resnet18(), torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))
    if name == "gpt":
        return gpt(), torch.randint(0, 96, (8, 128)), torch.randint(0, 96, (8 * 128,))
    if name == "lstm":
        return lstm(), torch.randint(0, 96, (32, 64)), torch.randint(0, 96, (32 * 64,))
    return digits_model(name), torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,))


def read_safetensors(path):
    import torch
    types = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64}
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    return {name: torch.frombuffer(data, dtype=types[about["dtype"]], offset=about["data_offsets"][0],
                                   count=math.prod(about["shape"])).reshape(about["shape"]).clone()
            for name, about in header.items()}


# --- Steps ---------------------------------------------------------------------------------------------------------


def chain_step(dtype):
    """1,000 scalar operations and the gradient of the last with respect to the first."""
    import torch
    real = torch.float64 if dtype == "f64" else torch.float32
    constant = torch.tensor(1.0001, dtype=real)

    def step():
        x = torch.tensor(1.0, dtype=real, requires_grad=True)
        y = x
        for _ in range(500):
            y = y * constant
            y = y + constant
        y.backward()
        return y, x.grad
    return step


def training_step(name, variant, dtype, weights):
    import torch
    import torch.nn.functional as F

    model, x, y = model_and_batch(name)
    if dtype == "f64":
        model = model.double()
        x = x.double() if x.is_floating_point() else x
    if weights:
        tensors = read_safetensors(weights)
        x, y = tensors.pop("batch.x"), tensors.pop("batch.y")
        model.load_state_dict(tensors)
        del tensors
    if variant == "channels_last":
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    if name in ("gpt", "lstm"):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    call = torch.compile(model) if variant == "compile" else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        if dtype == "bf16":
            with torch.autocast("cpu", dtype=torch.bfloat16):
                out = call(x)
            loss = F.cross_entropy(out.float(), y)
        else:
            loss = F.cross_entropy(call(x), y)
        loss.backward()
        optimizer.step()
        return loss, None
    return step


# --- Measuring -----------------------------------------------------------------------------------------------------


def memory():
    """Resident memory now, its high-water mark, and pages of files, in MiB."""
    with open("/proc/self/status", encoding="ascii") as status:
        fields = dict(line.split(":", 1) for line in status)
    return [int(fields[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM", "RssFile")]


def mark_memory():
    with open("/proc/self/clear_refs", "w", encoding="ascii") as mark:
        mark.write("5\n")


def take(step, count, times):
    loss = gradient = None
    losses = []
    for _ in range(count):
        begin = time.perf_counter()
        loss, gradient = step()
        times.append((time.perf_counter() - begin) * 1e3)
        losses.append(loss.item())
        del loss
    return losses, gradient


def paced(step):
    print('{"ready":true}', flush=True)
    for line in sys.stdin:
        times = []
        losses, gradient = take(step, int(line), times)
        answer = {"ms": times, "loss": losses}
        if gradient is not None:
            answer["gradient"] = gradient.item()
        print(json.dumps(answer), flush=True)


def measure(name, a):
    import torch
    torch.set_num_threads(a.threads)
    step = chain_step(a.dtype) if name == "chain" else training_step(name, a.variant, a.dtype, a.weights)
    if a.paced:
        return paced(step)
    mark_memory()
    resident, _, files = memory()
    times = []
    take(step, 5, times)
    times.clear()
    if a.memory:
        take(step, MEMORY_STEPS, times)
    else:
        begin = time.perf_counter()
        while time.perf_counter() - begin < a.seconds or len(times) < 5:
            take(step, 1, times)
    times.sort()
    _, peak, files_after = memory()
    print(json.dumps({
        "model": name, "peer": f"torch {torch.__version__}", "variant": a.variant, "dtype": a.dtype,
        "threads": a.threads,
        "median_ms": round(times[len(times) // 2], 5), "min_ms": round(times[0], 5), "runs": len(times),
        "peak_mb": round(peak, 1), "grown_mb": round(peak - resident, 2),
        "grown_files_mb": round(files_after - files, 2)}), flush=True)
    return None


# --- Processes -----------------------------------------------------------------------------------------------------


def variants_of(name):
    return ["eager"] + (["channels_last"] if name in IMAGES else []) + (["compile"] if name != "chain" else [])


def environment(threads, as_it_comes):
    env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    if not as_it_comes:
        env.update(MALLOC_MMAP_THRESHOLD_="4000000000", MALLOC_TRIM_THRESHOLD_="8000000000",
                   MALLOC_TOP_PAD_="67108864")
    for folder in glob.glob("/usr/lib/*-linux-gnu/openblas-openmp"):
        env["LD_LIBRARY_PATH"] = folder + os.pathsep + env.get("LD_LIBRARY_PATH", "")
    return env


def command(name, variant, dtype, threads, *more):
    return [sys.executable, os.path.abspath(__file__), name, "--variant", variant, "--dtype", dtype,
            "--threads", str(threads), *more]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=" ".join(MODELS))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--dtype", choices=["f32", "f64", "bf16"], default="f32")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--variant", choices=["eager", "channels_last", "compile"], help=argparse.SUPPRESS)
    parser.add_argument("--paced", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--weights", help=argparse.SUPPRESS)
    a = parser.parse_args()
    unknown = set(a.models) - set(MODELS)
    if unknown:
        parser.error(f"no model {', '.join(sorted(unknown))}; there are {' '.join(MODELS)}")
    for name in a.models or MODELS:
        if a.variant:
            measure(name, a)
            continue
        for variant in variants_of(name):
            more = ["--seconds", str(a.seconds)] + (["--memory"] if a.memory else [])
            run = subprocess.run(command(name, variant, a.dtype, a.threads, *more), capture_output=True, text=True,
                                 env=environment(a.threads, a.memory), check=False)
            if run.returncode:
                why = (run.stderr.strip().splitlines() or ["?"])[-1][:200]
                print(json.dumps({"model": name, "variant": variant, "error": why}), flush=True)
            else:
                print(run.stdout.strip(), flush=True)


if __name__ == "__main__":
    main()
