"""The parts of a logit add up to it, and each is what its part wrote."""

import pytest
import torch

from tests.tinygpt_hf.inspecting.models import ALL, logits, make, text
from tinygpt_hf.inspecting import neurons, parts, path, pushes


@pytest.mark.parametrize("name", ALL)
def test_the_parts_add_up_to_the_logit(name):
    model = make(name)
    ids = text(model)
    expected = logits(model, ids)
    for position, token in ((0, 1), (len(ids) // 2, 3), (-1, 2)):
        found = parts(model, ids, position, token)
        allowed = max(1e-4, 1e-5 * max(map(abs, found.values())))
        assert sum(found.values()) == pytest.approx(float(expected[position, token]), abs=allowed)


def test_the_parts_come_in_the_order_of_the_model():
    model = make("hello, norms after")
    assert list(parts(model, text(model), -1, 0)) == [
        "embedding", "position", "block 0 head 0", "block 0 head 1", "block 0 mlp", "bias",
    ]  # fmt: skip
    model = make("next-char, norms none")
    assert list(parts(model, text(model), -1, 0)) == ["embedding", "block 0 mean", "bias"]
    assert parts(model, text(model), -1, 0)["embedding"] == 0  # no residual: the mean replaced it
    model = make("bigram, norms none")
    assert list(parts(model, text(model), -1, 0)) == ["embedding", "bias"]


@pytest.mark.parametrize("name", ["modern, norms before", "GPT2LMHeadModel", "LlamaForCausalLM"])
def test_a_part_is_what_its_weights_say(name):
    """By hand, from the weights and what passes through the last block."""
    model = make(name)
    ids, token = text(model), 5
    body = model.transformer if name.startswith("GPT2") else model.model
    last = (body.h if name.startswith("GPT2") else body.layers)[-1]
    attn = last.self_attn if name.startswith("Llama") else last.attn
    out = attn.c_proj if name.startswith("GPT2") else attn.o_proj
    weight = out.weight.T if name.startswith("GPT2") else out.weight
    seen = {}
    handles = [
        out.register_forward_pre_hook(lambda module, args: seen.update(heads=args[0][0, -1])),
        last.register_forward_hook(lambda module, args, output: seen.update(stream=output[0, -1])),
    ]
    logits(model, ids)
    for handle in handles:
        handle.remove()
    with torch.no_grad():
        alone = weight[:, 6:12] @ seen["heads"][6:12]  # of head 1
        stream = seen["stream"]
        if name.startswith("Llama"):
            scaled = alone / (stream.square().mean() + 1e-6).sqrt() * body.norm.weight
        else:
            scaled = (alone - alone.mean()) / (stream.var(correction=0) + 1e-5).sqrt()
            if name.startswith("GPT2"):
                scaled = scaled * body.ln_f.weight
        expected = float(model.lm_head.weight[token] @ scaled)
    assert parts(model, ids, -1, token)["block 1 head 1"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_the_path_leads_where_the_parts_do(name):
    """A step is the sum of its heads, or its MLP; the writers' biases, which `parts` has apart, are
    taken out of the model first."""
    model = make(name)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if key.endswith(("o_proj.bias", "down_proj.bias", "c_proj.bias")):
                parameter.zero_()
    ids, tokens = text(model), [3, 1]
    steps = path(model, ids, -1, tokens)
    for column, token in enumerate(tokens):
        found = parts(model, ids, -1, token)
        for step in steps:
            block = step.part.removesuffix("attention")
            mixers = tuple(f"{block}{mixer}" for mixer in ("head", "mean"))
            mine = [v for part, v in found.items() if part == step.part or part.startswith(mixers)]
            allowed = max(1e-4, 1e-5 * max(map(abs, found.values())))
            assert step.towards[column] == pytest.approx(sum(mine), abs=allowed)


@pytest.mark.parametrize("name", ALL)
def test_what_a_part_pushes_is_what_the_sum_counts_of_it(name):
    """Of every token at once, worked out forwards where `parts` and `path` go backwards."""
    model = make(name)
    ids, tokens = text(model), [3, 1]
    shares = [parts(model, ids, -1, token) for token in tokens]
    largest = max(abs(share) for each in shares for share in each.values())
    allowed = {"abs": max(1e-4, 1e-5 * largest)}
    for step in path(model, ids, -1, tokens):
        found = pushes(model, ids, -1, step.part)[tokens].tolist()
        assert found == pytest.approx(step.towards, **allowed)
    for part in shares[0]:
        if "head" in part:
            found = pushes(model, ids, -1, part)[tokens].tolist()
            assert found == pytest.approx([each[part] for each in shares], **allowed)


@pytest.mark.parametrize("name", ALL)
def test_the_path_ends_with_the_answer_of_the_model(name):
    model = make(name)
    ids = text(model)
    last, odds = path(model, ids, -1, [0])[-1], logits(model, ids)[-1].softmax(-1)
    assert last.guess == int(odds.argmax())
    assert last.sure == pytest.approx(float(odds.max()), abs=1e-5)


def test_neurons_are_what_goes_into_the_last_layer_of_an_mlp():
    model = make("modern, norms before")
    ids = text(model)
    found = neurons(model, ids, 3, 1)
    weight = model.model.layers[1].mlp.down_proj.weight.detach()
    written = next(s for s in path(model, ids, 3, [0]) if s.part == "block 1 mlp")
    assert float((weight @ found).norm()) == pytest.approx(written.length, rel=1e-4)
    with pytest.raises(ValueError, match="block 0 has no MLP"):
        neurons(make("one head, norms before"), ids[:4] % 5, 0, 0)


def test_the_path_tells_lengths():
    model = make("gpt2, norms before")
    ids = text(model)
    steps = path(model, ids, 3, [0])
    embedding = model.model.embed_tokens.weight[ids[3]].detach()
    place = model.model.embed_positions.weight[3].detach()
    assert steps[0].length == pytest.approx(float(embedding.norm()), rel=1e-5)
    assert steps[1].length == pytest.approx(float(place.norm()), rel=1e-5)
    assert steps[1].stream == pytest.approx(float((embedding + place).norm()), rel=1e-5)
    with torch.no_grad():
        hidden = model(ids[None], output_hidden_states=True).hidden_states
    assert steps[3].stream == pytest.approx(float(hidden[1][0, 3].norm()), rel=1e-5)
    assert [step.part for step in steps] == [
        "embedding", "position",
        "block 0 attention", "block 0 mlp", "block 1 attention", "block 1 mlp",
    ]  # fmt: skip


def test_what_is_not_there_is_said():
    model = make("modern, norms before")
    ids = text(model)
    with pytest.raises(ValueError, match="position is 12; the text has 12 tokens"):
        parts(model, ids, 12, 0)
    with pytest.raises(ValueError, match="token is 31; the vocabulary has ids 0 to 30"):
        parts(model, ids, 0, 31)
    for part in ("position", "block 2 mlp", "block 0 head 4", "block 0 mean"):
        with pytest.raises(ValueError, match=f"the model has no part '{part}'"):
            pushes(model, ids, 0, part)


def test_a_position_that_is_not_known_is_refused_and_not_left_out():
    model = make("gpt2, norms before")
    model.config.position_embedding = "spiral"
    with pytest.raises(ValueError, match="position_embedding is 'spiral'; known here are learned,"):
        parts(model, text(model), 3, 1)
