"""One head step by step, against what the platform's own attention says."""

import pytest
import torch

from tests.tinygpt_hf.inspecting.models import ALL, make, text
from tinygpt_hf.inspecting import induction_scores, look, previous_scores, weights


@pytest.mark.parametrize("name", [name for name in ALL if not name.startswith("bigram")])
def test_the_weights_are_those_of_the_models_own_attention(name):
    model = make(name)
    length = 12
    if getattr(model.config, "slides_by_recomputing", True) is False:
        length = 24  # past the window, where attention slides
        ids = torch.arange(24) % model.config.vocab_size
    else:
        ids = text(model, length=length)
    found = weights(model, ids)
    model.set_attn_implementation("eager")
    with torch.no_grad():
        expected = model(ids[None], output_attentions=True).attentions
    torch.testing.assert_close(found, torch.cat(expected), atol=5e-5, rtol=1e-3)
    model.set_attn_implementation("sdpa")
    torch.testing.assert_close(weights(model, ids, last=3), found[:, :, -3:])


@pytest.mark.parametrize("name", ["modern, norms before", "llama, norms before", "GPT2LMHeadModel"])
def test_the_steps_lead_from_one_to_the_next(name):
    model = make(name)
    ids = text(model)
    head = look(model, ids, 1, 3)
    assert torch.equal(head.weights, weights(model, ids)[1, 3])
    torch.testing.assert_close(head.scores, head.query @ head.key.T / 6**0.5)
    added = head.scores if head.bias is None else head.scores + head.bias
    future = torch.ones_like(added).triu(1).bool()
    torch.testing.assert_close(head.weights, added.masked_fill(future, -torch.inf).softmax(-1))
    torch.testing.assert_close(head.mixed, head.weights @ head.value)
    assert (head.bias is None) == (not name.startswith("modern"))


def test_what_a_head_mixes_is_what_goes_into_the_projection():
    model = make("llama, norms before")
    ids = text(model)
    seen = []
    out = model.model.layers[0].attn.o_proj
    handle = out.register_forward_pre_hook(lambda module, args: seen.append(args[0][0]))
    with torch.no_grad():
        model(ids[None])
    handle.remove()
    for head in range(4):
        mine = seen[0][:, 6 * head : 6 * head + 6]
        torch.testing.assert_close(look(model, ids, 0, head).mixed, mine, atol=1e-5, rtol=1e-5)


def test_the_scores_tell_such_heads_from_others():
    length, total = 4, 9
    looks = torch.zeros(1, 3, total, total)
    for t in range(total):
        looks[0, 0, t, max(0, t - 1)] = 1  # at the token before
        looks[0, 1, t, t - length + 1 if t >= length else t] = 1  # at what followed last time
        looks[0, 2, t, : t + 1] = 1 / (t + 1)  # everywhere
    assert previous_scores(looks)[0, :2].tolist() == [1, 0]
    assert induction_scores(looks, length)[0, :2].tolist() == [0, 1]
    even = sum(1 / t for t in range(6, 10)) / 4  # of the last four rows
    assert induction_scores(looks, length)[0, 2] == pytest.approx(even)
    for wrong in (1, 5):
        with pytest.raises(ValueError, match=f"length is {wrong}; a text of 9 tokens"):
            induction_scores(looks, wrong)


def test_what_is_not_there_is_said():
    model = make("modern, norms before")
    with pytest.raises(ValueError, match="block is 2; the model has 0 to 1"):
        look(model, text(model), 2, 0)
    with pytest.raises(ValueError, match="head is 4; a block has 0 to 3"):
        look(model, text(model), 0, 4)
    bigram = make("bigram, norms none")
    with pytest.raises(ValueError, match="no block"):
        look(bigram, text(bigram), 0, 0)
    assert weights(bigram, text(bigram)).shape == (0, 1, 5, 5)
