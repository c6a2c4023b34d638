"""recurrent — layers by PyTorch's own, each sequence by itself, so that it may end anywhere."""
import torch


def lstm_cell(x, a):
    i, f, g, o = x[0].chunk(4, -1)
    c = f.sigmoid() * x[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_cell(x, a):
    (r, z, n), (hr, hz, hn) = x[0].chunk(3, -1), x[1].chunk(3, -1)
    z = (z + hz).sigmoid()
    return (1 - z) * (n + (r + hr).sigmoid() * hn).tanh() + z * x[2]


def run(network, x, weights, states):
    """One direction of one sequence [T, 1, I]: the outputs, and the states after them."""
    if not len(x):
        return x.new_zeros(0, 1, states[0].shape[-1]), states
    start = tuple(states) if len(states) > 1 else states[0]
    y, *ends = network(x, start, weights, len(weights) > 2, 1, 0.0, False, False, False)
    return y, ends


def layer(network, count):
    """Outputs and behind them the final states, those of all directions side by side; `count` states."""
    def reference(x, a):
        lengths = x[5 + count]
        steps = x[0].transpose(0, 1) if a.batch_first else x[0]
        columns = [one_sequence(network_of(network, a), count, steps, x, n, a,
                                len(steps) if lengths is None else max(0, min(int(lengths[n]), len(steps))))
                   for n in range(steps.shape[1])]
        if not columns:
            return a.output[0] + 0 * sum(part.sum() for part in x if part is not None)
        y = torch.cat(columns, 1)
        return y.transpose(0, 1) if a.batch_first else y
    return reference


def network_of(network, a):
    return network if network else (torch.rnn_relu if a.relu else torch.rnn_tanh)


def one_sequence(network, count, steps, x, n, a, length):
    directions = []
    for d in range(x[1].shape[0]):
        backwards = a.direction == 1 or d == 1
        sequence = steps[:length, n:n + 1]
        states = [steps.new_zeros(1, 1, x[2].shape[-1]) if h is None else h[d:d + 1, n:n + 1]
                  for h in x[5:5 + count]]
        weights = [x[1][d], x[2][d]]
        if x[3] is not None or x[4] is not None:
            weights += [x[1].new_zeros(x[1].shape[1]) if b is None else b[d] for b in x[3:5]]
        y, ends = run(network, sequence.flip(0) if backwards else sequence, weights, states)
        beyond = y.new_zeros(len(steps) - length, 1, y.shape[-1])
        directions.append(torch.cat([y.flip(0) if backwards else y, beyond] + list(ends)))
    return torch.cat(directions, -1)


REFERENCES = {
    "lstm_cell": lstm_cell,
    "gru_cell": gru_cell,
    "rnn": layer(None, 1),
    "lstm": layer(torch.lstm, 2),
    "gru": layer(torch.gru, 1),
}
