"""On GPT-2's shape the numbers are those of TransformerLens, which has a GPT-2 of its own.

`pip install "transformer_lens<4"`: from version 4 on it wraps transformers' model instead.
"""

import warnings

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from tinygpt_hf.inspecting import lens, parts, patch, weights, without
from tinygpt_hf.twins import from_gpt2

LAYERS, HEADS, WIDTH, WINDOW, VOCABULARY = 4, 4, 64, 32, 101
pytestmark = pytest.mark.slow


def hooked_transformer():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that we do not use
        found = pytest.importorskip("transformer_lens", reason="transformer_lens is not installed")
        try:
            return found.HookedTransformer, found.HookedTransformerConfig
        except ImportError:
            pytest.skip("transformer_lens 4 has no GPT-2 of its own; 3.9.0 has")


@pytest.fixture(scope="module")
def gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY, n_positions=WINDOW, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS,
            bos_token_id=0, eos_token_id=0,
        )
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return model.eval()


@pytest.fixture(scope="module", params=["GPT2LMHeadModel", "its twin"])
def ours(request, gpt2):
    return gpt2 if request.param == "GPT2LMHeadModel" else from_gpt2(gpt2).eval()


@pytest.fixture(scope="module")
def theirs(gpt2):
    model_class, config_class = hooked_transformer()
    config = config_class(
        n_layers=LAYERS, d_model=WIDTH, n_ctx=WINDOW, d_head=WIDTH // HEADS, n_heads=HEADS,
        d_vocab=VOCABULARY, act_fn="gelu_new", normalization_type="LN", device="cpu",
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights

        model = model_class(config)
        model.load_and_process_state_dict(
            convert_gpt2_weights(gpt2, config),
            fold_ln=True,
            center_writing_weights=False,
            center_unembed=False,
            fold_value_biases=False,
        )
    return model.eval()


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(0, VOCABULARY, (24,), generator=torch.Generator().manual_seed(1))


def close(found, expected) -> None:
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_each_layer_says_the_same(ours, theirs, ids):
    _, cache = theirs.run_with_cache(ids[None])
    streams = [cache["resid_pre", 0], *(cache["resid_post", layer] for layer in range(LAYERS))]
    expected = [theirs.unembed(theirs.ln_final(stream))[0] for stream in streams]
    close(lens(ours, ids), torch.stack(expected))


@torch.no_grad()
def test_each_head_and_mlp_has_the_same_share(ours, theirs, ids):
    position, token = 17, 5
    found = parts(ours, ids, position, token)
    _, cache = theirs.run_with_cache(ids[None])
    heads = cache.stack_head_results(layer=-1, pos_slice=position)  # of every layer
    heads = cache.apply_ln_to_stack(heads, layer=-1, pos_slice=position)[:, 0]
    expected = (heads @ theirs.W_U[:, token]).view(LAYERS, HEADS)
    mine = [[found[f"block {b} head {h}"] for h in range(HEADS)] for b in range(LAYERS)]
    close(torch.tensor(mine), expected)
    rest = torch.stack(
        [cache["embed"], cache["pos_embed"]]
        + [cache["mlp_out", b] - theirs.blocks[b].mlp.b_out for b in range(LAYERS)]
    )[:, :, position]
    rest = cache.apply_ln_to_stack(rest, layer=-1, pos_slice=position)[:, 0]
    names = ["embedding", "position", *(f"block {b} mlp" for b in range(LAYERS))]
    close(torch.tensor([found[name] for name in names]), rest @ theirs.W_U[:, token])


@torch.no_grad()
def test_without_a_head_the_answer_is_the_same(ours, theirs, ids):
    def zero(z, hook):
        z[:, :, 2] = 0
        return z

    expected = theirs.run_with_hooks(ids[None], fwd_hooks=[("blocks.1.attn.hook_z", zero)])
    with without(ours, ["block 1 head 2"]):
        close(ours(ids[None]).logits, expected)


@torch.no_grad()
def test_a_patched_mlp_gives_the_same_answer(ours, theirs, ids):
    other = ids.clone()
    other[7] = (other[7] + 1) % VOCABULARY
    _, cache = theirs.run_with_cache(other[None])

    def swap(value, hook):
        return cache[hook.name]

    hooks = [("blocks.2.hook_mlp_out", swap)]
    expected = theirs.run_with_hooks(ids[None], fwd_hooks=hooks)[0]
    close(patch(ours, ids, other, ["block 2 mlp"]), expected)


@torch.no_grad()
def test_every_head_looks_at_the_same(ours, theirs, ids):
    _, cache = theirs.run_with_cache(ids[None])
    expected = torch.stack([cache["pattern", layer][0] for layer in range(LAYERS)])
    close(weights(ours, ids), expected)
