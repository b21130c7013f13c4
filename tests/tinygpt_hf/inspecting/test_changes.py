"""A part that is off, or that does as for another text; and nothing left behind."""

import copy
import threading

import pytest
import torch

from tests.tinygpt_hf.inspecting.models import ALL, logits, make, text
from tinygpt_hf.inspecting import guesses, lens, look, parts, patch, without
from tinygpt_hf.inspecting.anatomy import anatomy

WITH_HEADS = [name for name in ALL if not name.startswith(("next-char", "bigram"))]


def zero_a_head(model, block: int, head: int) -> None:
    """In the weights themselves."""
    width = 4 if model.config.vocab_size == 5 else model.config.hidden_size
    width = model.config.hidden_size // model.config.num_attention_heads
    mine = slice(head * width, (head + 1) * width)
    with torch.no_grad():
        if model.config.model_type == "gpt2":
            model.transformer.h[block].attn.c_proj.weight[mine] = 0
        elif model.config.model_type == "llama":
            model.model.layers[block].self_attn.o_proj.weight[:, mine] = 0
        else:
            model.model.layers[block].attn.o_proj.weight[:, mine] = 0


@pytest.mark.parametrize("name", WITH_HEADS)
def test_a_head_off_is_its_slice_of_the_projection_at_zero(name):
    model = make(name)
    ids = text(model)
    block, head = model.config.num_hidden_layers - 1, model.config.num_attention_heads - 1
    changed = copy.deepcopy(model)
    zero_a_head(changed, block, head)
    before = logits(model, ids)
    with without(model, [f"block {block} head {head}"]) as same:
        assert same is model
        found = logits(model, ids)
    torch.testing.assert_close(found, logits(changed, ids), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(found, before, atol=1e-3)
    assert torch.equal(logits(model, ids), before)


def test_an_mlp_or_a_block_off_writes_nothing():
    model = make("modern, norms before")
    ids = text(model)
    changed = copy.deepcopy(model)
    with torch.no_grad():
        changed.model.layers[0].mlp.down_proj.weight.zero_()
    with without(model, ["block 0 mlp"]):
        torch.testing.assert_close(logits(model, ids), logits(changed, ids), atol=1e-5, rtol=1e-5)
    changed = copy.deepcopy(model)
    changed.model.layers = changed.model.layers[:1]  # the last one gone
    changed.config.num_hidden_layers = 1
    with without(model, ["block 1"]):
        torch.testing.assert_close(logits(model, ids), logits(changed, ids), atol=1e-5, rtol=1e-5)


def test_a_mean_off_leaves_the_bias_of_the_head_alone():
    model = make("next-char, norms none")
    with without(model, ["block 0 mean"]):
        assert not logits(model, text(model)).any()


def test_it_holds_while_text_is_written_with_a_cache():
    model = make("modern, norms before")
    ids = text(model)[None, :4]
    with without(model, ["block 0 head 1", "block 1 mlp"]):
        cached = model.generate(ids, max_new_tokens=8, do_sample=False, eos_token_id=-1)
        again = model.generate(
            ids, max_new_tokens=8, do_sample=False, eos_token_id=-1, use_cache=False
        )
    plain = model.generate(ids, max_new_tokens=8, do_sample=False, eos_token_id=-1)
    assert torch.equal(cached, again)
    assert not torch.equal(cached, plain)


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_left_behind(name):
    model = make(name)
    ids, other = text(model), text(model, seed=1)
    before = logits(model, ids)
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    lens(model, ids)
    guesses(model, ids)
    parts(model, ids, 0, 0)
    if model.config.num_hidden_layers:
        look(model, ids, 0, 0)
        patch(model, ids, other, ["block 0"])
        with pytest.raises(RuntimeError, match="by the visitor"), without(model, ["block 0"]):
            raise RuntimeError("stopped by the visitor")
    assert torch.equal(logits(model, ids), before)
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


@pytest.mark.parametrize("name", ["modern, norms before", "GPT2LMHeadModel"])
def test_others_see_no_change_while_one_has_a_head_off(name):
    """Nine threads ask the same model all the while; not a bit of their answers moves."""
    model = make(name)
    texts = [text(model, seed=seed) for seed in range(9)]
    before = [logits(model, ids) for ids in texts]
    off, done = threading.Event(), threading.Event()
    answers: list[list[bool]] = [[] for _ in texts]

    def visit(number: int) -> None:
        off.wait(20)
        while not done.is_set() or len(answers[number]) < 5:
            answers[number].append(torch.equal(logits(model, texts[number]), before[number]))

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(9)]
    for visitor in visitors:
        visitor.start()
    for _ in range(20):  # on and off, while they ask
        with without(model, ["block 0 head 1"]):
            off.set()
            assert not torch.equal(logits(model, texts[0]), before[0])
        assert torch.equal(logits(model, texts[0]), before[0])
    done.set()
    for visitor in visitors:
        visitor.join(60)
    assert all(len(answer) >= 5 and all(answer) for answer in answers)


@pytest.mark.parametrize("name", ALL)
def test_with_all_of_the_other_texts_parts_in_it_answers_as_for_the_other_text(name):
    model = make(name)
    if not model.config.num_hidden_layers:
        pytest.skip("a bigram has no block")
    ids = text(model)
    other = ids.clone()
    other[2] = (other[2] + 1) % model.config.vocab_size
    last = model.config.num_hidden_layers - 1
    # With the same last token, what the blocks write is all that differs at the last position.
    found = patch(model, ids, other, [f"block {number}" for number in range(last + 1)])
    torch.testing.assert_close(found[-1], logits(model, other)[-1], atol=1e-4, rtol=1e-5)
    assert not torch.allclose(found[-1], logits(model, ids)[-1], atol=1e-4)
    same = patch(model, ids, ids, ["block 0"])
    torch.testing.assert_close(same, logits(model, ids), atol=1e-5, rtol=1e-5)


def test_one_head_of_another_text_is_that_heads_slice():
    model = make("LlamaForCausalLM")
    ids, other = text(model), text(model, seed=1)
    out = anatomy(model).blocks[1].out
    kept = []
    handle = out.register_forward_pre_hook(lambda module, args: kept.append(args[0]))
    logits(model, other)
    handle.remove()

    def swap(module, args):
        return (torch.cat([args[0][..., :6], kept[0][..., 6:12], args[0][..., 12:]], -1),)

    handle = out.register_forward_pre_hook(swap)
    expected = logits(model, ids)
    handle.remove()
    assert torch.equal(patch(model, ids, other, ["block 1 head 1"]), expected)


@pytest.mark.parametrize(
    ("shape", "name", "sentence"),
    [
        ("modern", "head 1", "'head 1' is not a part"),
        ("modern", "block 2 mlp", "there is no 'block 2 mlp': the model's blocks are 0 to 1"),
        ("modern", "block 0 head 4", "block 0 has head 0 to head 3 and mlp"),
        ("modern", "block 0 mean", "block 0 has head 0 to head 3 and mlp"),
        ("one head", "block 0 mlp", "block 0 has head 0 to head 0"),
        ("next-char", "block 0 head 0", "block 0 has mean"),
        ("bigram", "block 0", "blocks are none"),
    ],
)
def test_a_part_that_is_not_there_is_said(shape, name, sentence):
    model = make(f"{shape}, norms before")
    with pytest.raises(ValueError, match=sentence), without(model, [name]):
        pass


def test_texts_of_different_lengths_are_refused():
    model = make("modern, norms before")
    with pytest.raises(ValueError, match="input_ids has 3 tokens and other_ids has 4"):
        patch(model, [1, 2, 3], [1, 2, 3, 4], ["block 0"])
    with pytest.raises(ValueError, match="give a list of names"), without(model, "block 0"):
        pass
