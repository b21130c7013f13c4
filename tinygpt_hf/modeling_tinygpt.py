"""TinyGPT: one decoder, from a bigram to GPT-2 and Llama.

A token becomes a vector, blocks of attention and MLP add to it, a linear head scores what is next.
What the config switches on (see `TinyGPTConfig`):

- positions: learned or sinusoidal vectors, rotary queries and keys, a bias per distance, or none
- norm: layer norm with or without gain, or RMS norm; before each part, after the sum, or nowhere
- MLP: ReLU, ReLU squared, GELU or gated (SwiGLU); or no MLP at all
- attention over the last `max_position_embeddings` tokens, or their plain mean
- 0 layers: a bigram

Text longer than the window keeps going. Where positions end with the window (learned, sinusoidal),
`generate` reads the last window again from position 0; elsewhere attention slides.

The file goes from the parts to the whole; the platform's edge cases come after a line that says so.

Shapes in comments: B batch, T tokens, C width, H heads, G groups of heads that share keys and
values, D width of a head, K keys seen so far.
The library needs real annotations here: no `from __future__ import annotations`.
"""

import inspect
import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention.flex_attention import BlockMask, create_mask
from transformers import GenerationMixin, PreTrainedModel, __version__, masking_utils
from transformers import initialization as init
from transformers.cache_utils import Cache, DynamicCache
from transformers.modeling_layers import (
    GenericForSequenceClassification,
    GenericForTokenClassification,
    GradientCheckpointingLayer,
)
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, slice_logits_to_keep
from transformers.processing_utils import Unpack
from transformers.utils import TransformersKwargs, can_return_tuple
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .configuration_tinygpt import TinyGPTConfig


def make_norm(config: TinyGPTConfig) -> Callable[[torch.Tensor], torch.Tensor]:
    """A module where it has parameters; a plain function, which is faster, where it has none."""
    shape, eps = (config.hidden_size,), config.layer_norm_eps
    if config.norm_position == "none":
        return nn.Identity()
    if config.norm_type == "rms":
        return nn.RMSNorm(shape, eps=eps)
    if config.norm_type == "layer":
        return nn.LayerNorm(shape, eps=eps)
    return partial(torch.layer_norm, normalized_shape=shape, eps=eps)


def relu2(x: torch.Tensor) -> torch.Tensor:
    return F.relu(x).square()


ACTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": F.relu,
    "relu2": relu2,
    "gelu": F.gelu,
    "gelu_new": partial(F.gelu, approximate="tanh"),
    "swiglu": F.silu,  # of the gate
}


def starting(module: nn.Module, std: float):
    """Stores on a layer the standard deviation of its initial weights: see `_init_weights`."""
    module.start_std = std  # type: ignore[assignment]  # torch expects a tensor or a module
    return module


def residual_std(config: TinyGPTConfig) -> float:
    """For matrices that write to the residual stream: there are many, so each starts smaller."""
    if config.zero_init:
        return 0.0
    return float(config.initializer_range or 0) / (2 * config.num_hidden_layers) ** 0.5


def angles(positions: torch.Tensor, width: int, base: float) -> torch.Tensor:
    """The angle of every position and pair of dimensions: B T C/2."""
    exponent = torch.arange(0, width, 2, device=positions.device, dtype=torch.float32) / width
    return positions[..., None].float() * float(base) ** -exponent


def sinusoids(positions: torch.Tensor, width: int) -> torch.Tensor:
    """The sines and cosines of "Attention is all you need", interleaved."""
    angle = angles(positions, width, 10000.0)
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(-2)  # B T C


def rotation(positions: torch.Tensor, width: int, theta: float) -> tuple[torch.Tensor, ...]:
    """Cosine and sine of every position and pair of dimensions."""
    angle = angles(positions, width, theta)
    angle = torch.cat((angle, angle), dim=-1)[:, None]  # B 1 T D
    return angle.cos(), angle.sin()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    left, right = x.chunk(2, dim=-1)
    return x * cos.to(x.dtype) + torch.cat((-right, left), dim=-1) * sin.to(x.dtype)


class TinyGPTDistanceBias(nn.Embedding):
    """A learned number for each distance and head, added to the scores. Starts as ALiBi."""

    def __init__(self, config: TinyGPTConfig):
        super().__init__(config.max_position_embeddings, config.num_attention_heads)
        self.reach = config.distance_reach

    def forward(self, distance: torch.Tensor) -> torch.Tensor:  # T K
        # Not as an embedding, whose gradient takes six times as long.
        bias = self.weight.t().index_select(1, distance.flatten())
        return bias.view(1, -1, *distance.shape)  # 1 H T K

    def alibi(self) -> torch.Tensor:
        heads = torch.arange(1, self.embedding_dim + 1, device=self.weight.device)
        steps = math.log2(4.0 * self.reach)  # halvings from 4 down to 1 / reach
        slopes = 2.0 ** (2.0 - steps * heads / self.embedding_dim)
        return -torch.arange(self.num_embeddings, device=self.weight.device)[:, None] * slopes


def eager_attention(
    module: nn.Module,
    query: torch.Tensor,  # B H T D
    key: torch.Tensor,  # B G K D
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,  # added to the scores
    scaling: float,
    **kwargs,
) -> tuple[torch.Tensor, torch.Tensor]:
    if (shared := query.shape[1] // key.shape[1]) > 1:
        key, value = (x.repeat_interleave(shared, dim=1) for x in (key, value))
    scores = (query * scaling) @ key.transpose(-1, -2)  # B H T K
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = scores.softmax(dim=-1).to(value.dtype)
    return (weights @ value).transpose(1, 2).contiguous(), weights  # B T H D


class TinyGPTAttention(nn.Module):
    """Each token asks (query), every earlier one answers (key) and is heard (value).

    The mixer `mean` has no parameters: all tokens in reach weigh the same."""

    def __init__(self, config: TinyGPTConfig, layer_idx: int):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.is_causal = True
        self.head_dim = config.head_dim
        groups: int = config.num_key_value_heads  # type: ignore[assignment]  # no longer None
        self.num_key_value_groups = config.num_attention_heads // groups
        self.scaling = self.head_dim**-0.5
        self.mean = config.mixer == "mean"
        if self.mean:
            return
        width, shared = config.hidden_size, groups * self.head_dim
        self.q_proj = nn.Linear(width, width, bias=config.bias)
        self.k_proj = nn.Linear(width, shared, bias=config.bias)
        self.v_proj = nn.Linear(width, shared, bias=config.bias)
        self.o_proj = starting(nn.Linear(width, width, bias=config.bias), residual_std(config))
        if config.position_embedding == "relative":
            self.distance_bias = TinyGPTDistanceBias(config)

    def forward(
        self,
        x: torch.Tensor,  # B T C
        attention_mask: torch.Tensor | None = None,
        cache: Cache | None = None,
        rotated: tuple[torch.Tensor, torch.Tensor] | None = None,
        distance: torch.Tensor | None = None,  # T K
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if self.mean:
            query, key, value = torch.zeros_like(x), x, x
        else:
            query, key, value = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        heads = (*x.shape[:-1], -1, self.head_dim)  # -1: tensor parallelism may split heads
        query = query.view(heads).transpose(1, 2)  # B H T D
        key = key.view(heads).transpose(1, 2)  # B G T D
        value = value.view(heads).transpose(1, 2)
        if rotated is not None:
            query, key = rotate(query, *rotated), rotate(key, *rotated)
        if distance is not None:
            attention_mask = add_bias(self, attention_mask, distance, query, kwargs)
        if cache is not None:
            key, value = extend(cache, key, value, self.layer_idx, kwargs)
        attend: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention
        )
        out, weights = attend(
            self, query, key, value, attention_mask, scaling=self.scaling, dropout=0.0, **kwargs
        )
        out = out.reshape(*x.shape[:-1], -1)  # B T C
        return out if self.mean else self.o_proj(out), weights


class TinyGPTMLP(nn.Module):
    """Each token by itself: widen, apply a nonlinearity, narrow."""

    def __init__(self, config: TinyGPTConfig):
        super().__init__()
        width = config.hidden_size
        inner: int = config.intermediate_size  # type: ignore[assignment]  # no longer None
        self.gated = config.hidden_act == "swiglu"
        self.act = ACTS[config.hidden_act]
        if self.gated:
            self.gate_proj = nn.Linear(width, inner, bias=config.bias)
        self.up_proj = nn.Linear(width, inner, bias=config.bias)
        self.down_proj = starting(nn.Linear(inner, width, bias=config.bias), residual_std(config))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.gated:
            return self.down_proj(self.act(self.gate_proj(x)) * self.up_proj(x))
        return self.down_proj(self.act(self.up_proj(x)))


class TinyGPTBlock(GradientCheckpointingLayer):
    """Attention, then the MLP; each adds to the stream (or replaces it, without residual)."""

    def __init__(self, config: TinyGPTConfig, layer_idx: int):
        super().__init__()
        self.norm_position = config.norm_position
        self.residual = config.residual
        self.dropout = config.dropout
        self.attn_norm = make_norm(config)
        self.attn = TinyGPTAttention(config, layer_idx)
        self.mlp: Any = None
        if config.intermediate_size:
            self.mlp_norm = make_norm(config)
            self.mlp = TinyGPTMLP(config)

    def forward(self, x: torch.Tensor, **kwargs: Unpack[TransformersKwargs]) -> torch.Tensor:
        if self.norm_position == "after":
            x = self.attn_norm(self.join(x, self.attn(x, **kwargs)[0]))
            return x if self.mlp is None else self.mlp_norm(self.join(x, self.mlp(x)))
        x = self.join(x, self.attn(self.attn_norm(x), **kwargs)[0])
        return x if self.mlp is None else self.join(x, self.mlp(self.mlp_norm(x)))

    def join(self, stream: torch.Tensor, written: torch.Tensor) -> torch.Tensor:
        if self.training and self.dropout:
            written = drop(written, self.dropout)
        return stream + written if self.residual else written


# The model, and the model with its head


class TinyGPTPreTrainedModel(PreTrainedModel):
    config: TinyGPTConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["TinyGPTBlock"]
    _skip_keys_device_placement = ["cache", "past_key_values"]
    _supports_sdpa = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True
    _can_record_outputs = {"hidden_states": TinyGPTBlock, "attentions": TinyGPTAttention}

    @property
    def _supports_flash_attn(self) -> bool:
        return self.config.position_embedding != "relative"  # its kernels would drop the bias

    _supports_flex_attn = True  # it takes the bias apart from the mask

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Where every weight starts.

        token table           N(0, embedding_range)
        matrices, positions   N(0, initializer_range)
        residual writers      N(0, initializer_range / sqrt(2 layers)), as GPT-2; 0 with zero_init
        head                  as matrices; 0 with zero_init
        distance bias         ALiBi
        norms, biases         1 and 0
        """
        super()._init_weights(module)
        # Called for leaves only, so what differs from a plain matrix is stored on the leaf itself.
        if isinstance(module, TinyGPTDistanceBias):
            init.copy_(module.weight, module.alibi())
        elif (std := getattr(module, "start_std", None)) is not None:
            init.normal_(module.weight, std=std)


class TinyGPTModel(TinyGPTPreTrainedModel):
    def __init__(self, config: TinyGPTConfig):
        super().__init__(config)
        # Kept here, since a config takes a microsecond for each answer.
        self.positions = config.position_embedding
        self.window = config.max_position_embeddings
        self.recomputes = config.slides_by_recomputing
        self.dropout = config.dropout
        table = nn.Embedding(config.vocab_size, config.hidden_size)
        self.embed_tokens = starting(table, config.embedding_range)
        if self.positions == "learned":
            self.embed_positions = nn.Embedding(self.window, config.hidden_size)
        self.layers = nn.ModuleList(
            TinyGPTBlock(config, i) for i in range(config.num_hidden_layers)
        )
        self.norm = make_norm(config) if config.norm_position == "before" else nn.Identity()
        self.gradient_checkpointing = False
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        cache: Cache | None = None,
        inputs_embeds: torch.FloatTensor | None = None,
        use_cache: bool | None = None,
        past_key_values: Cache | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> BaseModelOutputWithPast:
        x = embed(self, input_ids, inputs_embeds)  # B T C
        cache = open_cache(self, the_cache(cache, past_key_values, kwargs), use_cache)
        seen = tokens_in(cache)
        places = count_places(x, attention_mask, seen) if position_ids is None else position_ids
        check(self, x, attention_mask, places, seen, kwargs)

        # Positions: added to the stream, or handed to the blocks.
        mask = causal_mask(self, x, attention_mask, position_ids, cache)
        if self.positions == "learned":
            x = x + self.embed_positions(places)
        elif self.positions == "sinusoidal":
            x = x + sinusoids(places, x.shape[-1]).to(x.dtype)
        elif self.positions == "rotary":
            kwargs["rotated"] = rotation(places, self.config.head_dim, self.config.rope_theta)
        elif self.positions == "relative":
            kwargs["distance"] = distances(self, x, mask, position_ids, cache, kwargs)
            mask = as_numbers(mask, kwargs["distance"], x.dtype)

        if self.training and self.dropout:
            x = drop(x, self.dropout)
        for layer in self.layers:
            x = layer(x, attention_mask=mask, position_ids=position_ids, cache=cache, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(x), **{CACHE: cache})


class TinyGPTForCausalLM(TinyGPTPreTrainedModel, GenerationMixin):
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}
    _tp_plan = {"lm_head": "colwise_gather_output"}
    _pp_plan = {"lm_head": (["hidden_states"], ["logits"])}

    def __init__(self, config: TinyGPTConfig):
        super().__init__(config)
        self.model = TinyGPTModel(config)
        self.vocab_size = config.vocab_size
        head = nn.Linear(config.hidden_size, config.vocab_size, bias=config.head_bias)
        std = 0.0 if config.zero_init else float(config.initializer_range or 0)
        self.lm_head = starting(head, std)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        cache: Cache | None = None,
        inputs_embeds: torch.FloatTensor | None = None,
        labels: torch.LongTensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        past_key_values: Cache | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> CausalLMOutputWithPast:
        """`labels` are shifted here, which leaves the last position untrained. `shift_labels` are
        the next tokens themselves, one for every position; they are not a named parameter, because
        the Trainer would then wait for both kinds before it measures a loss."""
        shift_labels = kwargs.pop("shift_labels", None)
        body = (input_ids, attention_mask, position_ids, cache, inputs_embeds)
        out = self.model(*body, use_cache=use_cache, past_key_values=past_key_values, **kwargs)
        logits = self.lm_head(slice_logits_to_keep(out.last_hidden_state, logits_to_keep))
        loss = None
        if labels is not None or shift_labels is not None:
            loss = self.loss_function(
                logits, labels, self.vocab_size, shift_labels=shift_labels, **kwargs
            )
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
            **{CACHE: getattr(out, CACHE)},
        )

    # From here on: the platform's edge cases. The model itself is complete.

    def prepare_inputs_for_generation(
        self,
        input_ids: torch.LongTensor,
        next_sequence_length: int | None = None,
        cache: Cache | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.FloatTensor | None = None,
        past_key_values: Cache | None = None,
        **kwargs,
    ) -> dict:
        """Past the window, absolute positions start again: read the last window from position 0."""
        cache = past_key_values if cache is None else cache
        length, window = input_ids.shape[1], self.model.window
        if length <= window or not self.model.recomputes:
            return super().prepare_inputs_for_generation(
                input_ids, next_sequence_length, cache, attention_mask, inputs_embeds, **kwargs
            )
        if getattr(cache, "holds_candidates", False):
            raise ValueError(past_window_message(length, window))
        inputs = {name: kwargs[name] for name in KEPT_WHEN_SLIDING if name in kwargs}
        if attention_mask is not None:
            attention_mask = attention_mask[:, -window:]
        return inputs | {
            "input_ids": input_ids[:, -window:].clone(),
            "attention_mask": attention_mask,
            "use_cache": False,
        }

    def _assisted_decoding(self, *args, **kwargs):
        """Checks many candidates in one pass, which cannot slide: its cache says so."""
        cache = kwargs[CACHE]
        cache.holds_candidates = True
        try:
            return super()._assisted_decoding(*args, **kwargs)
        finally:
            cache.holds_candidates = False

    def _get_stopping_criteria(self, *args, **kwargs):
        criteria = super()._get_stopping_criteria(*args, **kwargs)
        for criterion in criteria:  # no warning that the window ends: here text continues
            if hasattr(criterion, "max_position_embeddings"):
                criterion.max_position_embeddings = None
        return criteria


# One name or the other: up to 5.23, the platform called its cache `past_key_values`.
CACHE = "cache" if "cache" in BaseModelOutputWithPast.__dataclass_fields__ else "past_key_values"
# Attention implementations that add `attention_mask` to the scores, whatever is in it.
ADDS_THE_MASK = {"eager", "sdpa", "paged|eager", "paged|sdpa", "flex_attention"}
KEPT_WHEN_SLIDING = ("logits_to_keep", "output_attentions", "output_hidden_states", "return_dict")


def drop(x: torch.Tensor, share: float) -> torch.Tensor:
    """Dropout. On a CPU torch draws one number after the other, which took a sixth of a training
    step; here one draw serves four numbers, 16 bits each: 253 microseconds instead of 730."""
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return F.dropout(x, share)
    draws = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = draws.view(torch.int16)[: x.numel()].view(x.shape)  # from -2**15
    dropped = min(round(2**16 * share), 2**16 - 1)
    return x * ((bits >= dropped - 2**15).to(x.dtype) * (2**16 / (2**16 - dropped)))


def embed(model: TinyGPTModel, input_ids, inputs_embeds) -> torch.Tensor:
    if (input_ids is None) == (inputs_embeds is None):
        raise ValueError("give exactly one of input_ids and inputs_embeds")
    if inputs_embeds is not None:
        return inputs_embeds
    try:
        return model.embed_tokens(input_ids)
    except IndexError:
        wrong = input_ids[(input_ids < 0) | (input_ids >= model.config.vocab_size)]
        raise ValueError(
            f"input_ids holds {int(wrong[0])}; the vocabulary has {model.config.vocab_size} "
            f"tokens, ids 0 to {model.config.vocab_size - 1}"
        ) from None


def causal_mask(model: TinyGPTModel, x, attention_mask, position_ids, cache):
    """The platform's mask; None where nothing is masked, or its kernels mask by themselves."""
    if x.shape[1] == 1 and sees_all(attention_mask, cache):
        return None
    make = masking_utils.create_sliding_window_causal_mask
    if model.recomputes:
        make = masking_utils.create_causal_mask
    plain = attention_mask is None and position_ids is None
    return make(
        model.config,
        x[:1] if plain else x,  # rows that do not differ share one mask
        attention_mask,
        cache,
        position_ids=position_ids,
        allow_is_causal_skip=model.positions != "relative",
    )


def distances(model: TinyGPTModel, x, mask, position_ids, cache, kwargs) -> torch.Tensor:
    """How far back each key lies from each query, T by K."""
    if "cu_seq_lens_k" in kwargs:  # continuous batching packs many requests into one row
        distance = paged_distances(position_ids[0], mask.shape[-1], kwargs)
        return distance.clamp(0, model.window - 1)
    first_query, first_key, total = 0, 0, x.shape[1]
    if cache is not None:
        first_query = cache.get_seq_length()
        total, first_key = cache.get_mask_sizes(x.shape[1], 0)
    if mask is None:  # one query, the newest, that sees every key
        return torch.arange(total - 1, -1, -1, device=x.device)[None]
    queries = torch.arange(x.shape[1], device=x.device) + first_query
    keys = torch.arange(mask.shape[-1], device=x.device) + first_key
    return (queries[:, None] - keys).clamp(0, model.window - 1)


def check(model: TinyGPTModel, x, attention_mask, places, seen, kwargs) -> None:
    """One clear line instead of an error deep inside, or of a different text."""
    if x.shape[1] == 0:
        raise ValueError("the input has 0 tokens; a prompt needs at least 1")
    if not len(model.layers):  # a bigram has no cache that knows what was seen
        return
    check_mask(attention_mask, x.shape[1], seen)
    if model.recomputes:
        check_window(places, model.window)
    name = model.config._attn_implementation
    if name not in ADDS_THE_MASK:
        check_attention(model.config, attention_mask, places, kwargs)
    if name == "flex_attention" and x.device.type == "cpu" and x.requires_grad:
        raise ValueError(
            "flex attention has no gradient on a CPU: train with 'sdpa' or 'eager', or read under "
            "torch.no_grad()"
        )


def the_cache(cache, past_key_values, kwargs: dict):
    """The cache, by either of its names. Under another name it would be silently ignored."""
    for name, value in kwargs.items():
        if hasattr(value, "update") and hasattr(value, "get_seq_length"):
            raise ValueError(
                f"{name} holds a {type(value).__name__}; TinyGPT takes its cache as `cache` or "
                f"`past_key_values`. transformers {__version__} may be too new for this model's "
                "code: take a newer copy of the code, or transformers 5.24"
            )
    if past_key_values is None:
        return cache
    if cache is not None:
        raise ValueError("the cache is given twice, as cache and as past_key_values")
    if CACHE == "cache" and not torch.compiler.is_compiling():
        warnings.warn(
            "`past_key_values` is deprecated, as everywhere in transformers: use `cache`",
            FutureWarning,
            stacklevel=2,
        )
    return past_key_values


def open_cache(model: TinyGPTModel, cache, use_cache: bool | None):
    if model.training and model.gradient_checkpointing and torch.is_grad_enabled():
        return None  # a block that is run again would add to it again
    return DynamicCache(config=model.config) if use_cache and cache is None else cache


def tokens_in(cache) -> int:
    """How many tokens it holds; that of continuous batching holds many texts and does not say."""
    return cache.get_seq_length() if hasattr(cache, "get_seq_length") else 0


def extend(cache, key: torch.Tensor, value: torch.Tensor, layer: int, kwargs: dict):
    """All keys and values so far. The cache of continuous batching wants to change `kwargs`, and up
    to 5.23 to be called by the attention function itself."""
    if CACHE == "past_key_values" and not hasattr(cache, "get_seq_length"):
        kwargs["cache"] = cache
        return key, value
    return cache.update(key, value, layer, kwargs=kwargs)


def count_places(x: torch.Tensor, attention_mask, seen: int) -> torch.Tensor:
    """Positions from 0 at each row's first real token."""
    if attention_mask is not None and attention_mask.ndim == 2:
        counted = attention_mask.long().cumsum(-1) - 1
        return counted.clamp(min=0)[:, -x.shape[1] :]  # B T
    return (torch.arange(x.shape[1], device=x.device) + seen)[None]  # 1 T


def sees_all(attention_mask, cache) -> bool:
    """Whether a single new token may look at all that a growing cache returns: no padding."""
    if torch.compiler.is_compiling() or not isinstance(cache, DynamicCache):
        return False
    return attention_mask is None or (attention_mask.ndim == 2 and bool(attention_mask.all()))


def as_numbers(mask, distance: torch.Tensor, dtype: torch.dtype):
    """What is added to the scores, for a mask that says true or false. Flex attention keeps its,
    but on a CPU torch 2.13 compiles that and a bias together for one length only."""
    if isinstance(mask, BlockMask) and distance.device.type == "cpu":
        length, keys = distance.shape
        mask = create_mask(mask.mask_mod, mask.shape[0], 1, length, keys, device="cpu")
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        return mask
    return torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, torch.finfo(dtype).min)


def add_bias(attention: TinyGPTAttention, mask, distance: torch.Tensor, query, kwargs: dict):
    """The mask with the bias of each distance; flex attention takes the bias by itself."""
    bias = attention.distance_bias(distance)  # 1 H T K
    blocks = mask if isinstance(mask, BlockMask) else None
    if mask is not None and blocks is None:
        bias = (bias + mask).clamp(min=torch.finfo(query.dtype).min)
    bias = bias.to(query.dtype)
    if attention.config._attn_implementation != "flex_attention":
        return bias
    kwargs["position_bias"] = bias.expand(len(query), -1, -1, -1)
    return blocks


def paged_distances(positions: torch.Tensor, total: int, kwargs: dict) -> torch.Tensor:
    """Distances where one row holds many requests, each with its own stretch of keys."""
    ends = kwargs["cu_seq_lens_k"]
    ends = next(iter(ends.values())) if isinstance(ends, dict) else ends
    ends = ends[1:].long()
    newest = positions[kwargs["cu_seq_lens_q"][1:].long() - 1]  # each request's last position
    keys = torch.arange(total, device=positions.device)
    owner = torch.searchsorted(ends, keys, right=True).clamp(max=len(ends) - 1)
    return positions[:, None] - (newest[owner] - (ends[owner] - 1 - keys))


def check_mask(attention_mask, tokens: int, seen) -> None:
    if attention_mask is None or attention_mask.ndim != 2 or not isinstance(seen, int):
        return
    if attention_mask.shape[-1] != seen + tokens:
        raise ValueError(
            f"attention_mask covers {attention_mask.shape[-1]} tokens; "
            f"there are {seen + tokens} (the input's {tokens} and {seen} cached)"
        )


def check_window(places: torch.Tensor, window: int) -> None:
    """Refuses text past the last position; `generate` never gets here."""
    if torch.compiler.is_compiling():  # reading values would break the graph
        return
    if (length := int(places.max()) + 1) > window:
        raise ValueError(past_window_message(length, window))


def past_window_message(length: int, window: int) -> str:
    return (
        f"the text is {length} tokens long and the window (max_position_embeddings) is {window}; "
        "only plain `generate` continues past it, by reading the last window again"
    )


def check_attention(config: TinyGPTConfig, attention_mask, places, kwargs: dict) -> None:
    """Refuses an attention function that would leave out a bias, a padding or the window."""
    name = config._attn_implementation
    if config.position_embedding == "relative":
        raise ValueError(
            f"the attention implementation {name!r} is not known to add the mask to the scores "
            "and would leave out the bias of relative positions; use 'sdpa' or 'eager', or for "
            "an engine a model with rotary or learned positions"
        )
    if not config.slides_by_recomputing:
        kwargs["sliding_window"] = config.max_position_embeddings  # flash attention's own way
    if name in masking_utils.ALL_MASK_ATTENTION_FUNCTIONS.valid_keys():  # and it gets the padding
        return
    unseen = torch.compiler.is_compiling()
    if attention_mask is not None and (unseen or not attention_mask.all()):
        raise ValueError(
            f"the attention implementation {name!r} takes no mask, so attention_mask would be "
            "ignored; leave it out, or use 'sdpa' or 'eager'"
        )
    if not config.slides_by_recomputing:
        length = None if unseen else int(places.max()) + 1
        check_sliding(name, config.max_position_embeddings, length, kwargs)


def check_sliding(name: str, window: int, length: int | None, kwargs: dict) -> None:
    """Where attention slides and no mask says so, the engine's own window must be this one."""
    layers = kwargs.get("attention_instances") or {}
    layers = list(layers.values() if isinstance(layers, dict) else layers)
    if layers and all(getattr(layer, "sliding_window", None) == window for layer in layers):
        return
    if length is None or length > window:
        why = "which a compiled model needs" if length is None else "which this text is longer than"
        raise ValueError(
            f"the attention implementation {name!r} takes no mask and does not show that it "
            f"slides over {window} tokens (max_position_embeddings), {why}; "
            "set the engine's sliding window, or keep its texts within this window"
        )


class TinyGPTForSequenceClassification(GenericForSequenceClassification, TinyGPTPreTrainedModel):
    """A label for the whole text, computed from its last token. The platform's forward; its
    constructor would ask AutoModel for the body, which refuses code from the Hub."""

    def __init__(self, config: TinyGPTConfig):
        super(GenericForSequenceClassification, self).__init__(config)
        self.num_labels = config.num_labels
        self.model = TinyGPTModel(config)
        self.score = nn.Linear(config.hidden_size, config.num_labels, bias=False)
        self.post_init()


class TinyGPTForTokenClassification(GenericForTokenClassification, TinyGPTPreTrainedModel):
    """A label for every token."""

    def __init__(self, config: TinyGPTConfig):
        super(GenericForTokenClassification, self).__init__(config)
        self.num_labels = config.num_labels
        self.model = TinyGPTModel(config)
        self.dropout = nn.Dropout(config.dropout)
        self.score = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()


# `generate` asks this at every step for a class outside transformers: 25 microseconds, 6 if kept.
TinyGPTForCausalLM.forward.__signature__ = inspect.signature(TinyGPTForCausalLM.forward)

__all__ = [
    "TinyGPTForCausalLM",
    "TinyGPTForSequenceClassification",
    "TinyGPTForTokenClassification",
    "TinyGPTModel",
    "TinyGPTPreTrainedModel",
]
