"""Each rung's function is the seed's: the model against a few lines of plain arithmetic."""

import math

import pytest
import torch
from torch.nn import functional

from tests.tinygpt_hf.shapes import (
    BIGRAM,
    GPT2,
    HELLO,
    LLAMA,
    MINIGPT,
    MODERN,
    NEXT_CHAR,
    ONE_HEAD,
    make,
    tokens,
)
from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM


def count(fields: dict) -> int:
    return TinyGPTForCausalLM(TinyGPTConfig(**fields)).num_parameters()


def test_the_seeds_parameters():
    assert count(HELLO) == 2453
    assert count(NEXT_CHAR) == 27 * 32 + 32 * 27 == 1728
    assert count(BIGRAM) == 27 * 32 + 32 * 27


def plain_attention(w: dict, at: str, x, heads: int, bias=None, turn=None):
    """softmax(Q K / sqrt(d)) V for one row, head by head, with loops where loops are clearer."""

    def project(name):
        y = x @ w[f"{at}.{name}.weight"].T
        return y + w[f"{at}.{name}.bias"] if f"{at}.{name}.bias" in w else y

    length, width = x.shape[0], x.shape[1] // heads
    q, k, v = (project(name).view(length, -1, width) for name in ("q_proj", "k_proj", "v_proj"))
    if turn is not None:
        q, k = turn(q), turn(k)
    out = torch.zeros(length, heads, width)
    for h in range(heads):
        g = h * k.shape[1] // heads  # the group of key heads that this head shares
        for i in range(length):
            scores = torch.stack([q[i, h] @ k[j, g] / width**0.5 for j in range(i + 1)])
            if bias is not None:
                scores = scores + torch.stack([bias[i - j, h] for j in range(i + 1)])
            out[i, h] = scores.softmax(0) @ v[: i + 1, g]
    y = out.reshape(length, -1) @ w[f"{at}.o_proj.weight"].T
    return y + w[f"{at}.o_proj.bias"] if f"{at}.o_proj.bias" in w else y


def plain_mlp(w: dict, at: str, x, bend):
    def line(name, y):
        y = y @ w[f"{at}.{name}.weight"].T
        return y + w[f"{at}.{name}.bias"] if f"{at}.{name}.bias" in w else y

    if f"{at}.gate_proj.weight" in w:
        return line("down_proj", bend(line("gate_proj", x)) * line("up_proj", x))
    return line("down_proj", bend(line("up_proj", x)))


def layer_norm(w: dict, at: str, x):
    y = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    return y * w[f"{at}.weight"] + w[f"{at}.bias"] if f"{at}.weight" in w else y


def rms_norm(w: dict, at: str, x):
    return x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * w[f"{at}.weight"]


def assert_same(model, plain):
    ids = tokens(model, 1, min(9, model.config.max_position_embeddings))
    with torch.no_grad():
        expected = plain(dict(model.state_dict()), ids[0])
        difference = (model(ids).logits[0] - expected).abs().max()
        assert difference < 1e-5 * max(1.0, expected.abs().max())
    assert expected.std() > 0.1


def test_hello_norms_after_the_residual_sum_and_biases_the_head():
    def plain(w, ids):
        x = w["model.embed_tokens.weight"][ids] + w["model.embed_positions.weight"][: len(ids)]
        x = layer_norm(
            w, "model.layers.0.attn_norm", x + plain_attention(w, "model.layers.0.attn", x, heads=2)
        )
        x = layer_norm(
            w, "model.layers.0.mlp_norm", x + plain_mlp(w, "model.layers.0.mlp", x, torch.relu)
        )
        return x @ w["lm_head.weight"].T + w["lm_head.bias"]

    assert_same(make(HELLO), plain)


def test_minigpt_norms_first_and_counts_in_sines():
    def plain(w, ids):
        x = w["model.embed_tokens.weight"][ids]
        sines = torch.zeros_like(x)
        for position in range(len(ids)):
            for i in range(0, x.shape[1], 2):
                angle = position / 10000 ** (i / x.shape[1])
                sines[position, i], sines[position, i + 1] = math.sin(angle), math.cos(angle)
        x = x + sines
        for layer in ("model.layers.0", "model.layers.1"):
            x = x + plain_attention(w, f"{layer}.attn", layer_norm(w, f"{layer}.attn_norm", x), 4)
            x = x + plain_mlp(w, f"{layer}.mlp", layer_norm(w, f"{layer}.mlp_norm", x), torch.relu)
        return layer_norm(w, "model.norm", x) @ w["lm_head.weight"].T + w["lm_head.bias"]

    assert_same(make(MINIGPT), plain)


def test_modern_adds_a_bias_for_each_distance_and_squares_its_relu():
    def plain(w, ids):
        x = w["model.embed_tokens.weight"][ids]
        for layer in ("model.layers.0", "model.layers.1"):
            bias = w[f"{layer}.attn.distance_bias.weight"]
            x = x + plain_attention(w, f"{layer}.attn", layer_norm(w, "", x), 4, bias=bias)
            x = x + plain_mlp(w, f"{layer}.mlp", layer_norm(w, "", x), lambda y: y.relu() ** 2)
        return layer_norm(w, "", x) @ w["lm_head.weight"].T

    assert_same(make(MODERN), plain)


def test_llama_shape_turns_queries_and_keys():
    def turn(x):  # T H D
        half = x.shape[-1] // 2
        turned = x.clone()
        for position in range(x.shape[0]):
            for i in range(half):
                angle = position / 10000 ** (2 * i / x.shape[-1])
                a, b = x[position, :, i], x[position, :, i + half]
                turned[position, :, i] = a * math.cos(angle) - b * math.sin(angle)
                turned[position, :, i + half] = b * math.cos(angle) + a * math.sin(angle)
        return turned

    def plain(w, ids):
        x = w["model.embed_tokens.weight"][ids]
        for layer in ("model.layers.0", "model.layers.1"):
            h = rms_norm(w, f"{layer}.attn_norm", x)
            x = x + plain_attention(w, f"{layer}.attn", h, 4, turn=turn)
            h = rms_norm(w, f"{layer}.mlp_norm", x)
            x = x + plain_mlp(w, f"{layer}.mlp", h, functional.silu)
        return rms_norm(w, "model.norm", x) @ w["lm_head.weight"].T

    assert_same(make(LLAMA), plain)


def test_gpt2_shape_ties_its_head_to_the_token_table():
    def plain(w, ids):
        x = w["model.embed_tokens.weight"][ids] + w["model.embed_positions.weight"][: len(ids)]
        for layer in ("model.layers.0", "model.layers.1"):
            x = x + plain_attention(w, f"{layer}.attn", layer_norm(w, f"{layer}.attn_norm", x), 4)
            h = layer_norm(w, f"{layer}.mlp_norm", x)
            x = x + plain_mlp(
                w, f"{layer}.mlp", h, lambda y: functional.gelu(y, approximate="tanh")
            )
        return layer_norm(w, "model.norm", x) @ w["model.embed_tokens.weight"].T

    assert_same(make(GPT2), plain)


def test_one_head_without_residual_norm_or_mlp():
    def plain(w, ids):
        x = w["model.embed_tokens.weight"][ids]
        for layer in ("model.layers.0", "model.layers.1"):
            bias = w[f"{layer}.attn.distance_bias.weight"]
            x = plain_attention(w, f"{layer}.attn", x, 1, bias=bias)
        return x @ w["lm_head.weight"].T

    assert_same(make(ONE_HEAD), plain)


def test_bigram_sees_one_token():
    def plain(w, ids):
        return w["model.embed_tokens.weight"][ids] @ w["lm_head.weight"].T

    assert_same(make(BIGRAM), plain)


def test_next_char_means_the_last_five_and_no_more():
    model = make(NEXT_CHAR)
    ids = tokens(model, 1, 11)
    with torch.no_grad():
        table, head = model.model.embed_tokens.weight, model.lm_head.weight
        means = [table[ids[0, max(0, i - 4) : i + 1]].mean(0) @ head.T for i in range(11)]
        assert torch.allclose(model(ids).logits[0], torch.stack(means), atol=1e-5)


def test_next_char_forward_loss_and_one_update_in_plain_python():
    """Seed 003 in lists and `math`: no tensor, no autograd."""
    model = make(NEXT_CHAR)
    table, head = model.model.embed_tokens.weight.tolist(), model.lm_head.weight.tolist()
    text, target, rate = [20, 8, 5, 0, 3], 1, 0.05  # "the c" → "a"
    width, vocabulary = range(32), range(27)

    context = [sum(table[t][i] for t in text) / 5 for i in width]
    scores = [sum(context[i] * head[o][i] for i in width) for o in vocabulary]
    top = max(scores)
    total = sum(math.exp(score - top) for score in scores)
    odds = [math.exp(score - top) / total for score in scores]
    loss = -math.log(odds[target])
    wrong = [odds[o] - (o == target) for o in vocabulary]
    back = [sum(wrong[o] * head[o][i] for o in vocabulary) for i in width]
    for o in vocabulary:
        for i in width:
            head[o][i] -= rate * wrong[o] * context[i]
    for t in text:
        for i in width:
            table[t][i] -= rate * back[i] / 5

    next_tokens = torch.tensor([[-100, -100, -100, -100, target]])
    out = model.train()(torch.tensor([text]), shift_labels=next_tokens)
    assert out.logits[0, -1].softmax(-1).tolist() == pytest.approx(odds, abs=1e-6)
    assert out.loss.item() == pytest.approx(loss, abs=1e-5)
    out.loss.backward()
    torch.optim.SGD(model.parameters(), lr=rate).step()
    assert torch.allclose(model.model.embed_tokens.weight, torch.tensor(table), atol=1e-6)
    assert torch.allclose(model.lm_head.weight, torch.tensor(head), atol=1e-6)


def test_shift_labels_train_every_position_and_labels_all_but_the_last():
    model = make(HELLO)
    ids = tokens(model, 2, 4)
    nexts = tokens(model, 2, 4, seed=1)
    logits = model(ids).logits
    every = functional.cross_entropy(logits.flatten(0, 1), nexts.flatten())
    assert torch.allclose(model(ids, shift_labels=nexts).loss, every)
    shifted = functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    assert torch.allclose(model(ids, labels=ids).loss, shifted)
