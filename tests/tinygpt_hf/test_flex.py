"""Flex attention carries the bias of relative positions, which its block mask cannot."""

import copy
import shutil

import pytest
import torch

from tests.tinygpt_hf.shapes import ALL, make, tokens


def both(fields):
    model = make(fields)
    flex = copy.deepcopy(model)
    flex.set_attn_implementation("flex_attention")
    return model, flex


@pytest.mark.parametrize("fields", [ALL["modern"], ALL["llama"]], ids=["modern", "llama"])
def test_training_with_it_on_a_cpu_is_refused_with_one_line(fields):
    _, flex = both(fields)
    ids = tokens(flex, 1, 4)
    with pytest.raises(ValueError, match="flex attention has no gradient on a CPU: train with"):
        flex.train()(ids, labels=ids)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")  # torch warns of its own compiler
@pytest.mark.skipif(not shutil.which("g++"), reason="flex attention is compiled")
@torch.no_grad()
def test_it_computes_what_eager_computes():
    """A batch with padding, one with a cache, and text past the window."""
    model, flex = both(ALL["modern"])
    ids = tokens(model, 3, 9)
    mask = torch.ones_like(ids)
    mask[1, :4] = 0
    expected = model(ids, attention_mask=mask).logits
    found = flex(ids, attention_mask=mask).logits
    close = {"atol": 1e-5 * max(1.0, expected.abs().max().item()), "rtol": 0}
    torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], **close)
    asked = {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 0}
    written = model.generate(ids, attention_mask=mask, **asked)
    assert torch.equal(flex.generate(ids, attention_mask=mask, **asked), written)
