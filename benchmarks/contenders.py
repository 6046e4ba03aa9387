"""Who takes part: each makes one forward and one backward pass of the same LSTM on the same data."""

import numpy as np
import torch

from lstm_helpers import seven_steps
from lstm_helpers.backprop import lstm_backward
from lstm_helpers.cell import lstm_forward
from lstm_helpers.network import LSTM
from lstm_helpers.torch_bridge import to_torch

torch.set_num_threads(1)

SIZES = {"S": (28, 1, 27, 32), "M": (100, 32, 64, 128), "L": (256, 64, 128, 256)}  # T, N, D, H


def contenders(T, N, D, H, dtype, seed=0):
    """For each contender a function without arguments that returns the gradients of x, weight_ih, weight_hh and bias.

    All of them are given arrays of `dtype`, and all but the loop, which falls to float64 as most of its kind do, return
    arrays of it. "ours" and "torch" come with all that a user gets: checks of the input here, autograd's record there.
    """
    rng = np.random.default_rng(seed)
    net = LSTM(D, H, seed=rng, dtype=dtype)
    params = net.layers[0][0]
    x, dh = (rng.normal(size=shape).astype(dtype) for shape in ((T, N, D), (T, N, H)))

    module = to_torch(net)
    inputs = torch.tensor(x, requires_grad=True)
    module.bias_hh_l0.requires_grad_(False)  # one bias, as ours
    wanted = [inputs, module.weight_ih_l0, module.weight_hh_l0, module.bias_ih_l0]
    upstream = torch.tensor(dh)

    def ours():
        gradients = net.backward(net.forward(x), dh)
        return gradients["x"], gradients["weight_ih_l0"], gradients["weight_hh_l0"], gradients["bias_l0"]

    def torchs():
        return torch.autograd.grad(module(inputs)[0], wanted, upstream)

    def plain():
        gradients = lstm_backward(lstm_forward(x, params), params, dh)
        return gradients.x, gradients.weight_ih, gradients.weight_hh, gradients.bias

    def loop():
        return seven_steps.textbook(x, params, dh)

    return {"ours": ours, "torch": torchs, "plain": plain, "loop": loop}


def floor(T, N, D, H, dtype, seed=0):
    """The work that no LSTM gets around: its matrix products, and a tanh for each gate and each cell state.

    Products that need not wait for a step are one product for all steps; the weights lie ready, transposed.
    """
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return (0.1 * rng.normal(size=shape)).astype(dtype)

    x, all_h, all_dz = normal(T * N, D), normal(T * N, H), normal(T * N, 4 * H)
    h, dz, z = normal(N, H), normal(N, 4 * H), normal(N, 5 * H)
    weight_ih, weight_hh = normal(4 * H, D), normal(4 * H, H)
    weight_ih_t, weight_hh_t = weight_ih.T.copy(), weight_hh.T.copy()
    z_x, z_h, dx, dh = normal(T * N, 4 * H), normal(N, 4 * H), normal(T * N, D), normal(N, H)
    dweight_ih, dweight_hh, values = normal(4 * H, D), normal(4 * H, H), normal(N, 5 * H)

    def run():
        np.matmul(x, weight_ih_t, out=z_x)
        for _ in range(T):
            np.matmul(h, weight_hh_t, out=z_h)
            np.tanh(z, out=values)
        for _ in range(T):
            np.matmul(dz, weight_hh, out=dh)
        np.matmul(all_dz, weight_ih, out=dx)
        np.matmul(all_dz.T, x, out=dweight_ih)
        np.matmul(all_dz.T, all_h, out=dweight_hh)

    return run
