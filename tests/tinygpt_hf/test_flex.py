"""Flex attention reads as eager attention does; on a CPU it has no gradient, which is said."""

import pytest
import torch

from tests.tinygpt_hf.shapes import ALL, make, tokens


@pytest.mark.slow  # half a minute of compiling each
@pytest.mark.filterwarnings("ignore")  # torch's own, while it compiles
@pytest.mark.parametrize("name", ["modern", "llama", "gpt2"])
@torch.no_grad()
def test_it_reads_as_eager_attention_does(name):
    """Texts of several lengths, padded and not, past the window, and word by word."""
    model = make(ALL[name]).eval()
    window = model.config.max_position_embeddings
    for length in (5, window, *(() if model.config.slides_by_recomputing else (2 * window + 3,))):
        ids = tokens(model, 2, length)
        padded = torch.ones_like(ids)
        padded[0, :2] = 0
        for mask in (None, padded):
            found = {}
            for attention in ("eager", "flex_attention"):
                model.set_attn_implementation(attention)
                found[attention] = model(ids, attention_mask=mask).logits
            difference = (found["eager"] - found["flex_attention"]).abs()
            assert (difference if mask is None else difference[mask.bool()]).max() < 1e-5
    written = []
    for attention in ("eager", "flex_attention"):
        model.set_attn_implementation(attention)
        options = {"max_new_tokens": 2 * window, "do_sample": False, "pad_token_id": 0}
        written.append(model.generate(tokens(model, 1, 4), **options))
    assert torch.equal(*written)


@pytest.mark.parametrize("name", ["modern", "llama"])
def test_training_with_it_on_a_cpu_is_refused_with_one_line(name):
    model = make(ALL[name])
    model.set_attn_implementation("flex_attention")
    ids = tokens(model, 1, 4)
    with pytest.raises(ValueError, match="flex attention has no gradient on a CPU: train with"):
        model.train()(ids, labels=ids)
