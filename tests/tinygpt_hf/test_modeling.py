"""The model as its users lean on it: positions, padding, packing, caches, gradients."""

import pytest
import torch
from transformers import DynamicCache, StaticCache

from tests.tinygpt_hf.shapes import ALL, GPT2, HELLO, LLAMA, MODERN, make, tokens
from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from tinygpt_hf.modeling_tinygpt import drop

shapes = pytest.mark.parametrize("fields", ALL.values(), ids=ALL)
attentions = pytest.mark.parametrize("attention", ["eager", "sdpa"])


def close(a, b, tolerance=1e-5):
    """Equal to 1e-5 of the largest number there is: without norms, logits grow."""
    torch.testing.assert_close(a, b, atol=tolerance * max(1.0, b.abs().max().item()), rtol=0)


def some_length(model, most=9) -> int:
    return min(most, model.config.max_position_embeddings)


@shapes
@attentions
@torch.no_grad()
def test_the_future_does_not_change_the_past(fields, attention):
    model = make(fields, attention)
    ids = tokens(model, 2, some_length(model))
    other = ids.clone()
    other[:, -1] = (other[:, -1] + 1) % model.config.vocab_size
    close(model(ids).logits[:, :-1], model(other).logits[:, :-1], 0)


@shapes
@attentions
def test_the_gradient_of_a_position_reaches_no_later_token(fields, attention):
    model = make(fields, attention)
    x = torch.randn(1, some_length(model), model.config.hidden_size, requires_grad=True)
    for position in range(x.shape[1]):
        (grad,) = torch.autograd.grad(model(inputs_embeds=x).logits[0, position].sum(), x)
        assert grad[0, position + 1 :].abs().sum() == 0
        assert grad[0, position].abs().sum() > 0


@pytest.mark.parametrize("fields", [GPT2, ALL["minigpt"], LLAMA], ids=["gpt2", "minigpt", "llama"])
@torch.no_grad()
def test_position_ids_are_honoured(fields):
    model = make(fields)
    ids = tokens(model, 1, 6)
    shifted = model(ids, position_ids=torch.arange(6)[None] + 5).logits
    straight = model(ids).logits
    if fields is LLAMA:  # only differences count in a rotation
        close(shifted, straight)
        apart = model(ids, position_ids=2 * torch.arange(6)[None]).logits
        assert (apart[:, 1:] - straight[:, 1:]).abs().max() > 1e-2
    else:
        assert (shifted - straight).abs().max() > 1e-2
        # position 5 on is what a longer row sees there, its first tokens masked out
        longer = torch.cat((tokens(model, 1, 5, seed=1), ids), dim=1)
        mask = torch.tensor([[0] * 5 + [1] * 6])
        there = model(longer, attention_mask=mask, position_ids=torch.arange(11)[None])
        close(shifted, there.logits[:, 5:])


@shapes
@attentions
@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_a_padded_batch_equals_single_rows(fields, attention, side):
    """Also without position_ids: the mask says where a row begins."""
    model = make(fields, attention)
    most = some_length(model)
    rows = [tokens(model, 1, length, seed=length)[0] for length in (most, most - 1, 2)]
    ids = torch.zeros(3, most, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        here = slice(most - len(row), most) if side == "left" else slice(0, len(row))
        ids[i, here], mask[i, here] = row, 1
    logits = model(ids, attention_mask=mask).logits
    assert not logits.isnan().any()
    for i, row in enumerate(rows):
        close(logits[i][mask[i].bool()], model(row[None]).logits[0])


@shapes
@attentions
@torch.no_grad()
def test_a_packed_row_equals_single_rows(fields, attention):
    """Positions that begin again begin a new text."""
    model = make(fields, attention)
    window = model.config.max_position_embeddings
    rows = [tokens(model, 1, length, seed=length) for length in (window - 1, 2, window)]
    positions = torch.cat([torch.arange(row.shape[1]) for row in rows])[None]
    logits = model(torch.cat(rows, dim=1), position_ids=positions, use_cache=False).logits
    singles = torch.cat([model(row).logits for row in rows], dim=1)
    close(logits, singles)


def caches(model, length):
    yield DynamicCache(config=model.config)
    if model.config.num_hidden_layers:
        yield StaticCache(config=model.config, max_cache_len=length)


@pytest.mark.versions
@shapes
@attentions
@pytest.mark.parametrize("pieces", [[1] * 8, [3, 1, 4], [5, 2, 1]], ids=str)
@torch.no_grad()
def test_cached_equals_uncached(fields, attention, pieces):
    model = make(fields, attention)
    pieces = pieces if model.config.max_position_embeddings >= 8 else [2, 1, 1]
    ids = tokens(model, 2, sum(pieces))
    whole = model(ids, use_cache=False).logits
    for cache in caches(model, sum(pieces)):
        parts = [model(piece, cache=cache).logits for piece in ids.split(pieces, dim=1)]
        close(torch.cat(parts, dim=1), whole)


@pytest.mark.versions
@shapes
@attentions
@torch.no_grad()
def test_cached_equals_uncached_with_left_padding(fields, attention):
    model = make(fields, attention)
    length = some_length(model)
    ids = tokens(model, 2, length)
    mask = torch.ones_like(ids)
    mask[1, :2] = 0
    whole = model(ids, attention_mask=mask, use_cache=False).logits
    cache = DynamicCache(config=model.config)
    parts = []
    for end in range(1, length + 1):
        step = {"attention_mask": mask[:, :end], "cache": cache}
        parts.append(model(ids[:, end - 1 : end], **step).logits)
    close(torch.cat(parts, dim=1)[mask.bool()], whole[mask.bool()])


@shapes
@attentions
@torch.no_grad()
def test_rows_do_not_hear_each_other(fields, attention):
    model = make(fields, attention)
    ids = tokens(model, 3, some_length(model))
    close(model(ids).logits[1], model(ids[1:2]).logits[0])


@shapes
@torch.no_grad()
def test_hidden_states_and_attentions_are_recorded(fields):
    model = make(fields)
    ids = tokens(model, 2, some_length(model))
    out = model(ids, output_hidden_states=True, output_attentions=True)
    layers, heads = model.config.num_hidden_layers, model.config.num_attention_heads
    assert len(out.attentions) == layers
    if layers:
        assert len(out.hidden_states) == layers + 1
        assert out.hidden_states[0].shape == (2, ids.shape[1], model.config.hidden_size)
    for weights in out.attentions:
        assert weights.shape == (2, heads, ids.shape[1], ids.shape[1])
        close(weights.sum(-1), torch.ones(weights.shape[:-1]))
        assert weights.triu(1).abs().sum() == 0


@shapes
@pytest.mark.parametrize("reentrant", [True, False])
def test_gradient_checkpointing_changes_nothing(fields, reentrant):
    model = make(fields).train()
    ids = tokens(model, 2, some_length(model))

    def gradients():
        model.zero_grad()
        model(ids, labels=ids, use_cache=False).loss.backward()
        return {name: p.grad.clone() for name, p in model.named_parameters()}

    plain = gradients()
    model.activation_checkpointing_enable({"use_reentrant": reentrant})
    if reentrant:
        model.enable_input_require_grads()
    for name, grad in gradients().items():
        close(grad, plain[name])


@shapes
@pytest.mark.parametrize("zero_init", [False, True])
def test_every_parameter_hears_of_the_loss_within_three_steps(fields, zero_init):
    if zero_init and fields.get("residual") is False:
        pytest.skip("without a residual, writers that start at zero pass nothing on")
    torch.manual_seed(0)
    model = TinyGPTForCausalLM(TinyGPTConfig(**fields | {"zero_init": zero_init})).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    heard = dict.fromkeys((name for name, _ in model.named_parameters()), False)
    for step in range(3):
        ids = tokens(model, 8, model.config.max_position_embeddings, seed=step)
        nexts = tokens(model, 8, model.config.max_position_embeddings, seed=step + 9)
        optimizer.zero_grad()
        model(ids, shift_labels=nexts).loss.backward()
        for name, p in model.named_parameters():
            heard[name] |= bool(p.grad is not None and p.grad.abs().max() > 0)
        optimizer.step()
    assert all(heard.values()), [name for name, did in heard.items() if not did]


WIDE = {"vocab_size": 512, "hidden_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4}


@pytest.mark.parametrize("meta", [False, True], ids=["built", "from the meta device"])
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"embed_tokens": 1.0, "q_proj": 0.02 * 3**0.5, "o_proj": 0.02 * 0.5**0.5}),
        ({"zero_init": True}, {"o_proj": 0, "down_proj": 0, "lm_head": 0, "up_proj": 0.0346}),
        ({"initializer_range": 0.1, "embedding_range": 0.5}, {"embed_tokens": 0.5, "lm_head": 0.1}),
        ({"position_embedding": "learned"}, {"embed_positions": 0.02 * 3**0.5}),
    ],
    ids=["modern", "zero_init", "given", "learned"],
)
def test_weights_start_as_designed(fields, expected, meta, tmp_path):
    torch.manual_seed(0)
    config = TinyGPTConfig(**WIDE | fields)
    model = TinyGPTForCausalLM(config)
    if meta:  # from_pretrained fills what the file lacks: here, everything but the norms
        model.save_pretrained(tmp_path)
        (tmp_path / "model.safetensors").unlink()
        from safetensors.torch import save_file

        save_file({"unknown": torch.zeros(1)}, tmp_path / "model.safetensors", {"format": "pt"})
        model = TinyGPTForCausalLM.from_pretrained(tmp_path)
    for part, std in expected.items():
        found = [p for name, p in model.named_parameters() if f"{part}.weight" in name]
        assert found
        for parameter in found:
            assert parameter.std().item() == pytest.approx(std, rel=0.1)
            assert abs(parameter.mean().item()) < 0.02


@pytest.mark.parametrize(
    ("reach", "slopes"), [(4.0, (2, 1, 1 / 2, 1 / 4)), (64, (1, 1 / 4, 1 / 16, 1 / 64))]
)
def test_the_distance_bias_starts_as_alibi(reach, slopes):
    model = TinyGPTForCausalLM(TinyGPTConfig(**MODERN | {"distance_reach": reach}))
    table = model.model.layers[0].attn.distance_bias.weight
    for head, slope in enumerate(slopes):
        close(table[:, head].detach(), -slope * torch.arange(16.0))


def test_biases_start_at_zero_and_gains_at_one():
    model = TinyGPTForCausalLM(TinyGPTConfig(**HELLO))
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert parameter.abs().sum() == 0, name
        if "norm.weight" in name:
            assert (parameter == 1).all(), name


@pytest.mark.versions
@shapes
@torch.no_grad()
def test_saved_and_loaded_is_bit_equal(fields, tmp_path):
    model = make(fields)
    model.save_pretrained(tmp_path)
    loaded = TinyGPTForCausalLM.from_pretrained(tmp_path, attn_implementation="eager")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    ids = tokens(model, 2, some_length(model))
    assert torch.equal(model(ids).logits, loaded(ids).logits)
    assert loaded.config.to_dict() | {"_name_or_path": ""} == model.config.to_dict()


@shapes
@attentions
def test_bf16_trains_and_stays_near_fp32(fields, attention):
    model = make(fields, attention)
    ids = tokens(model, 2, some_length(model))
    with torch.no_grad():
        exact = model(ids).logits
    model = model.to(torch.bfloat16).train()
    out = model(ids, labels=ids)
    assert out.logits.dtype == torch.bfloat16
    assert (out.logits.float() - exact).abs().max() < 0.1 * exact.abs().max()
    out.loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@attentions
@torch.no_grad()
def test_bf16_autocast_with_padding_gives_no_nan(attention):
    model = make(MODERN, attention)
    ids = tokens(model, 2, 9)
    mask = torch.ones_like(ids)
    mask[1, :6] = 0
    with torch.autocast("cpu", torch.bfloat16):
        assert not model(ids, attention_mask=mask).logits.isnan().any()


@pytest.mark.parametrize("share", [0.001, 0.1, 0.25, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(share):
    torch.manual_seed(0)
    x = torch.ones(999, 1001, dtype=torch.float64, requires_grad=True)
    y = drop(x, share)
    error = 5 * (share * (1 - share) / x.numel()) ** 0.5
    assert (y == 0).double().mean().item() == pytest.approx(share, abs=error + 2**-16)
    assert y[y != 0].unique().tolist() == [pytest.approx(1 / (1 - share), rel=2**-12)]
    for line in (y == 0).double().mean(0), (y == 0).double().mean(1):  # of no row and no column
        assert line.std().item() == pytest.approx((share * (1 - share) / 1000) ** 0.5, rel=0.15)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_dropout_works_in_training_only():
    model = make(MODERN | {"dropout": 0.5})
    ids = tokens(model, 1, 9)
    assert torch.equal(model(ids).logits, model(ids).logits)
    model.train()
    assert not torch.equal(model(ids).logits, model(ids).logits)


@pytest.mark.parametrize("wrong", [31, -1])
def test_an_id_outside_the_vocabulary_is_named(wrong):
    model = make(MODERN)
    with pytest.raises(ValueError, match=f"input_ids holds {wrong}; the vocabulary has 31 tokens"):
        model(torch.tensor([[3, wrong, 5]]))


def test_bad_input_names_the_value_and_the_bound():
    model = make(MODERN)
    ids = tokens(model, 1, 4)
    with pytest.raises(ValueError, match="the input has 0 tokens"):
        model(ids[:, :0])
    with pytest.raises(ValueError, match="exactly one of input_ids and inputs_embeds"):
        model(ids, inputs_embeds=torch.zeros(1, 4, 24))
    with pytest.raises(ValueError, match="exactly one of input_ids and inputs_embeds"):
        model()
    with pytest.raises(ValueError, match="attention_mask covers 3 tokens; there are 4"):
        model(ids, attention_mask=torch.ones(1, 3))
    with pytest.raises(ValueError, match="attention_mask covers 5 tokens; there are 4"):
        model(ids, attention_mask=torch.ones(1, 5))


def test_an_implementation_that_would_drop_the_bias_is_refused():
    kind = "flash_attention_2"
    with pytest.raises(ValueError, match="TinyGPTForCausalLM does not support"):
        TinyGPTForCausalLM._from_config(TinyGPTConfig(**MODERN), attn_implementation=kind)
