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

Shapes in comments: B batch, T tokens, C width, H heads, D width of a head, K keys seen so far.
The library needs real annotations here: no `from __future__ import annotations`.
"""

import inspect
import warnings
from collections.abc import Callable
from contextvars import ContextVar

import torch
from torch import nn
from transformers import GenerationMixin, PreTrainedModel, __version__
from transformers import initialization as init
from transformers.activations import ACT2FN
from transformers.cache_utils import Cache, DynamicCache
from transformers.masking_utils import (
    ALL_MASK_ATTENTION_FUNCTIONS,
    create_causal_mask,
    create_sliding_window_causal_mask,
)
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, slice_logits_to_keep
from transformers.processing_utils import Unpack
from transformers.utils import TransformersKwargs, can_return_tuple
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .configuration_tinygpt import TinyGPTConfig

# The platform's name for the cache of keys and values: up to 5.23 it was `past_key_values`.
CACHE = "cache" if "cache" in BaseModelOutputWithPast.__dataclass_fields__ else "past_key_values"


def make_norm(config: TinyGPTConfig) -> nn.Module:
    if config.norm_type == "rms":
        return nn.RMSNorm(config.hidden_size, eps=config.layer_norm_eps)
    affine = config.norm_type == "layer"
    return nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps, elementwise_affine=affine)


def residual_std(config: TinyGPTConfig) -> float:
    """Of the matrices that write the residual stream: many writers, so each starts smaller."""
    return (
        0.0
        if config.zero_init
        else config.initializer_range / (2 * config.num_hidden_layers) ** 0.5
    )


def eager_attention(
    module: nn.Module,
    query: torch.Tensor,  # B H T D
    key: torch.Tensor,  # B G K D, G groups of heads
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,  # added to the scores
    scaling: float,
    dropout: float = 0.0,
    **kwargs,
) -> tuple[torch.Tensor, torch.Tensor]:
    if module.num_key_value_groups > 1:
        key = key.repeat_interleave(module.num_key_value_groups, dim=1)
        value = value.repeat_interleave(module.num_key_value_groups, dim=1)
    scores = (query * scaling) @ key.transpose(-1, -2)  # B H T K
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = scores.softmax(dim=-1).to(value.dtype)
    return (weights @ value).transpose(1, 2).contiguous(), weights  # B T H D


def drop(x: torch.Tensor, share: float) -> torch.Tensor:
    """Dropout. On a CPU torch draws for one number after the other, in training a sixth of a step;
    here one draw serves four, each of which has 16 bits of it."""
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return nn.functional.dropout(x, share)
    draws = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = draws.view(torch.int16)[: x.numel()].view(x.shape)  # from -2**15
    dropped = min(round(2**16 * share), 2**16 - 1)
    return x * ((bits >= dropped - 2**15).to(x.dtype) * (2**16 / (2**16 - dropped)))


def sinusoids(position_ids: torch.Tensor, width: int) -> torch.Tensor:
    """The sines and cosines of "Attention is all you need", interleaved."""
    wavelength = torch.arange(0, width, 2, device=position_ids.device, dtype=torch.float32) / width
    angle = position_ids[..., None].float() * 10000.0**-wavelength  # B T C/2
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(-2)  # B T C


def rotation(position_ids: torch.Tensor, width: int, theta: float) -> tuple[torch.Tensor, ...]:
    """Cosine and sine of every position and pair of dimensions."""
    exponent = torch.arange(0, width, 2, device=position_ids.device, dtype=torch.float32) / width
    angle = position_ids[..., None].float() * float(theta) ** -exponent  # B T D/2
    angle = torch.cat((angle, angle), dim=-1)[:, None]  # B 1 T D
    return angle.cos(), angle.sin()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    left, right = x.chunk(2, dim=-1)
    return x * cos.to(x.dtype) + torch.cat((-right, left), dim=-1) * sin.to(x.dtype)


class TinyGPTDistanceBias(nn.Embedding):
    """A learned number for each distance and head, added to the scores. Starts as ALiBi."""

    def __init__(self, config: TinyGPTConfig):
        super().__init__(config.max_position_embeddings, config.num_attention_heads)

    def forward(self, distance: torch.Tensor | int) -> torch.Tensor:
        """For distances T by K; or for a whole text of so many tokens, by shifting row after row,
        whose gradient is a plain sum. What lies in the future is nonsense there, and masked."""
        if isinstance(distance, torch.Tensor):
            return super().forward(distance).permute(2, 0, 1)[None]  # 1 H T K
        length = distance
        farthest_first = self.weight[:length].flip(0).t()  # H T
        rows = farthest_first[:, None].expand(-1, length, -1)
        rows = nn.functional.pad(rows, (1, 0)).reshape(-1, length + 1, length)
        return rows[None, :, 1:]  # 1 H T T

    def alibi(self) -> torch.Tensor:
        heads = torch.arange(1, self.embedding_dim + 1, device=self.weight.device)
        slopes = 2.0 ** (2.0 - 4.0 * heads / self.embedding_dim)  # steeper than for words: 4 to 1/4
        return -torch.arange(self.num_embeddings, device=self.weight.device)[:, None] * slopes


class TinyGPTAttention(nn.Module):
    """Each token asks (query), every earlier one answers (key) and is heard (value)."""

    def __init__(self, config: TinyGPTConfig, layer_idx: int):
        super().__init__()
        self._set_shape(config, layer_idx)
        width, shared = config.hidden_size, config.num_key_value_heads * self.head_dim
        self.q_proj = nn.Linear(width, width, bias=config.bias)
        self.k_proj = nn.Linear(width, shared, bias=config.bias)
        self.v_proj = nn.Linear(width, shared, bias=config.bias)
        self.o_proj = nn.Linear(width, width, bias=config.bias)
        self.o_proj.start_std = residual_std(config)
        if config.position_embedding == "relative":
            self.distance_bias = TinyGPTDistanceBias(config)

    def _set_shape(self, config: TinyGPTConfig, layer_idx: int) -> None:
        self.config = config
        self.layer_idx = layer_idx
        self.is_causal = True
        self.head_dim = config.head_dim
        self.num_key_value_groups = config.num_attention_heads // config.num_key_value_heads
        self.scaling = self.head_dim**-0.5
        # For kernels that take no mask.
        self.sliding_window = None if config.slides_by_recomputing else config.sliding_window

    def forward(
        self,
        x: torch.Tensor,  # B T C
        distance: torch.Tensor | int | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        query, key, value = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        if distance is not None:
            kwargs["bias"] = self.distance_bias(distance)
        out, weights = self.mix(query, key, value, **kwargs)
        return self.o_proj(out), weights

    def mix(
        self,
        query: torch.Tensor,  # B T C
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        cache: Cache | None = None,
        position_embeddings: tuple[torch.Tensor, torch.Tensor] | None = None,
        bias: torch.Tensor | None = None,  # 1 H T K
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        lead = query.shape[:-1]
        heads = (*lead, -1, self.head_dim)  # -1, so that tensor parallelism may split heads
        query = query.view(heads).transpose(1, 2)  # B H T D
        key = key.view(heads).transpose(1, 2)  # B G T D
        value = value.view(heads).transpose(1, 2)
        if position_embeddings is not None:
            query, key = rotate(query, *position_embeddings), rotate(key, *position_embeddings)
        if bias is not None:
            if attention_mask is not None:
                bias = (bias + attention_mask).clamp(min=torch.finfo(query.dtype).min)
            attention_mask = bias.to(query.dtype)
        if cache is not None:
            key, value = extend(cache, key, value, self.layer_idx, kwargs)
        attend: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention
        )
        out, weights = attend(
            self,
            query,
            key,
            value,
            attention_mask,
            scaling=self.scaling,
            dropout=0.0,
            sliding_window=self.sliding_window,
            **kwargs,
        )
        return out.reshape(*lead, -1), weights


class TinyGPTMeanAttention(TinyGPTAttention):
    """The mean of the window: attention that asks nothing, so all in reach weigh the same."""

    def __init__(self, config: TinyGPTConfig, layer_idx: int):
        nn.Module.__init__(self)  # no parameters
        self._set_shape(config, layer_idx)

    def forward(
        self,
        x: torch.Tensor,
        distance: torch.Tensor | int | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        return self.mix(torch.zeros_like(x), x, x, **kwargs)


# The platform's names; its gelu_new is the same function in eight steps.
_ACT = {"swiglu": "silu", "gelu_new": "gelu_pytorch_tanh"}


class TinyGPTMLP(nn.Module):
    """Each token for itself: widen, bend, narrow."""

    def __init__(self, config: TinyGPTConfig):
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.gated = config.hidden_act == "swiglu"
        self.act = ACT2FN[_ACT.get(config.hidden_act, config.hidden_act)]
        if self.gated:
            self.gate_proj = nn.Linear(width, inner, bias=config.bias)
        self.up_proj = nn.Linear(width, inner, bias=config.bias)
        self.down_proj = nn.Linear(inner, width, bias=config.bias)
        self.down_proj.start_std = residual_std(config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.gated:
            return self.down_proj(self.act(self.gate_proj(x)) * self.up_proj(x))
        return self.down_proj(self.act(self.up_proj(x)))


def linear_at_once(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    own = module._parameters
    return nn.functional.linear(x, own["weight"], own["bias"])


def norm_at_once(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    if type(module) is not nn.LayerNorm:
        return module.forward(x)
    own = module._parameters
    return torch.layer_norm(x, module.normalized_shape, own["weight"], own["bias"], module.eps)


def project_at_once(parts: dict[str, nn.Module], x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Query, key and value; with gradients as one product, without them to save a copy as three."""
    three = [parts[name] for name in ("q_proj", "k_proj", "v_proj")]
    if not torch.is_grad_enabled():
        return tuple(linear_at_once(one, x) for one in three)
    own = [one._parameters for one in three]
    weight = torch.cat([one["weight"] for one in own])
    bias = torch.cat([one["bias"] for one in own]) if own[0]["bias"] is not None else None
    sizes = [one["weight"].shape[0] for one in own]
    return nn.functional.linear(x, weight, bias).split(sizes, dim=-1)


class TinyGPTBlock(GradientCheckpointingLayer):
    """Look around, then think; each adds to the stream (or replaces it, without residual)."""

    def __init__(self, config: TinyGPTConfig, layer_idx: int):
        super().__init__()
        mixer = TinyGPTAttention if config.mixer == "attention" else TinyGPTMeanAttention
        self.norm_after = config.norm_position == "after"
        self.residual = config.residual
        self.dropout = config.dropout
        self.attn_norm = make_norm(config) if config.norm_position != "none" else nn.Identity()
        self.attn = mixer(config, layer_idx)
        if config.intermediate_size:
            self.mlp_norm = make_norm(config) if config.norm_position != "none" else nn.Identity()
            self.mlp = TinyGPTMLP(config)
        else:
            self.mlp = None
        self.usual = config.mixer == "attention" and config.norm_position == "before"
        self.usual = self.usual and config.residual and self.mlp is not None
        self._born_with = [
            (parent._modules, name, child, type(child))
            for parent in self.modules()
            for name, child in parent.named_children()
        ]

    def may_run_at_once(self) -> bool:
        """Whether no part was replaced (LoRA, quantised), reparametrised, hooked or patched."""
        if not self.usual or torch.compiler.is_compiling():
            return False
        for modules, name, child, kind in self._born_with:
            own = child.__dict__
            if modules.get(name) is not child or type(child) is not kind or "forward" in own:
                return False
            if own["_forward_hooks"] or own["_forward_pre_hooks"]:
                return False
            if own["_backward_hooks"] or own["_backward_pre_hooks"]:
                return False
        return True

    def forward_at_once(self, x: torch.Tensor, distance=None, **kwargs) -> torch.Tensor:
        """The same block in fewer calls: at one token a step, Python is most of the cost, and in
        training one wide product is faster than three."""
        attn, mlp = self._modules["attn"], self._modules["mlp"]
        parts = attn._modules
        if distance is not None:
            kwargs["bias"] = parts["distance_bias"].forward(distance)
        h = norm_at_once(self._modules["attn_norm"], x)
        out, _ = attn.mix(*project_at_once(parts, h), **kwargs)
        x = self.join(x, linear_at_once(parts["o_proj"], out))
        parts = mlp._modules
        h = norm_at_once(self._modules["mlp_norm"], x)
        wide = linear_at_once(parts["up_proj"], h)
        if mlp.gated:
            wide = wide * parts["act"].forward(linear_at_once(parts["gate_proj"], h))
        else:
            wide = parts["act"].forward(wide)
        return self.join(x, linear_at_once(parts["down_proj"], wide))

    def join(self, stream: torch.Tensor, written: torch.Tensor) -> torch.Tensor:
        if self.training and self.dropout:
            written = drop(written, self.dropout)
        return stream + written if self.residual else written

    def forward(self, x: torch.Tensor, **kwargs: Unpack[TransformersKwargs]) -> torch.Tensor:
        if self.may_run_at_once():
            return self.forward_at_once(x, **kwargs)
        if self.norm_after:
            x = self.attn_norm(self.join(x, self.attn(x, **kwargs)[0]))
            return x if self.mlp is None else self.mlp_norm(self.join(x, self.mlp(x)))
        x = self.join(x, self.attn(self.attn_norm(x), **kwargs)[0])
        return x if self.mlp is None else self.join(x, self.mlp(self.mlp_norm(x)))


class TinyGPTPreTrainedModel(PreTrainedModel):
    config: TinyGPTConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["TinyGPTBlock"]
    _skip_keys_device_placement = ["cache", "past_key_values"]
    _supports_sdpa = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True
    _can_record_outputs = {
        "hidden_states": TinyGPTBlock,
        "attentions": TinyGPTAttention,
    }

    @property
    def _supports_flash_attn(self) -> bool:
        return self.config.position_embedding != "relative"  # its kernels would drop the bias

    _supports_flex_attn = _supports_flash_attn

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
        # Called for leaves only, so what differs from a plain matrix is noted on the leaf itself.
        if isinstance(module, TinyGPTDistanceBias):
            init.copy_(module.weight, module.alibi())
        elif (std := getattr(module, "start_std", None)) is not None:
            init.normal_(module.weight, std=std)


class TinyGPTModel(TinyGPTPreTrainedModel):
    def __init__(self, config: TinyGPTConfig):
        super().__init__(config)
        self.positions = config.position_embedding
        self.relative = self.positions == "relative"
        self.slides_by_recomputing = config.slides_by_recomputing
        self.window = config.max_position_embeddings
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.embed_tokens.start_std = config.embedding_range
        if config.position_embedding == "learned":
            self.embed_positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
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
        position_ids: torch.LongTensor | None = None,
        cache: Cache | None = None,
        inputs_embeds: torch.FloatTensor | None = None,
        use_cache: bool | None = None,
        past_key_values: Cache | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> BaseModelOutputWithPast:
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give exactly one of input_ids and inputs_embeds")
        x = self.embed(input_ids) if inputs_embeds is None else inputs_embeds
        if x.shape[1] == 0:
            raise ValueError("the input has 0 tokens; a prompt needs at least 1")
        cache = the_cache(cache, past_key_values, kwargs)
        if self.training and self.gradient_checkpointing and torch.is_grad_enabled():
            cache = None  # a block that is run again would add to it again
        elif use_cache and cache is None:
            cache = DynamicCache(config=self.config)
        seen = cache.get_seq_length() if hasattr(cache, "get_seq_length") else 0
        if self.config.num_hidden_layers:  # a bigram has no cache that would know what was seen
            check_mask(attention_mask, x.shape[1], seen)

        # Positions: added to the stream, or handed to the blocks.
        if self.slides_by_recomputing or self.positions == "rotary":
            positions = position_ids
            if positions is None:
                positions = count_positions(attention_mask, x, seen)
            if self.slides_by_recomputing:
                self.check_window(positions)
            if self.positions == "learned":
                x = x + self.embed_positions(positions)
            elif self.positions == "sinusoidal":
                x = x + sinusoids(positions, x.shape[-1]).to(x.dtype)
            else:
                kwargs["position_embeddings"] = rotation(
                    positions, self.config.head_dim, self.config.rope_theta
                )
        self.check_attention(attention_mask, position_ids, seen + x.shape[1], kwargs)
        mask = self.make_mask(x, attention_mask, cache, position_ids)
        if self.relative:
            kwargs["distance"] = self.distances(x, mask, cache, position_ids, kwargs)
            if mask is not None and mask.dtype == torch.bool:
                least = torch.finfo(x.dtype).min
                mask = torch.zeros_like(mask, dtype=x.dtype).masked_fill(~mask, least)

        if self.training and self.config.dropout:
            x = drop(x, self.config.dropout)
        for layer in self.layers[: self.config.num_hidden_layers]:
            x = layer(
                x,
                attention_mask=mask,
                position_ids=position_ids,
                cache=cache,
                use_cache=use_cache,
                **kwargs,
            )
        return BaseModelOutputWithPast(last_hidden_state=self.norm(x), **{CACHE: cache})

    def embed(self, input_ids: torch.LongTensor) -> torch.Tensor:
        try:
            return self.embed_tokens(input_ids)
        except IndexError:
            wrong = input_ids[(input_ids < 0) | (input_ids >= self.config.vocab_size)]
            raise ValueError(
                f"input_ids holds {int(wrong[0])}; the vocabulary has {self.config.vocab_size} "
                f"tokens, ids 0 to {self.config.vocab_size - 1}"
            ) from None

    def check_window(self, positions: torch.Tensor) -> None:
        """One error in place of an IndexError deep inside; `generate` never gets here."""
        if torch.compiler.is_compiling():  # a look at values would break the graph
            return
        length, window = int(positions.max()) + 1, self.window
        if length > window:
            raise ValueError(past_window_message(length, window))

    def check_attention(self, attention_mask, position_ids, length, kwargs) -> None:
        """Refuses an attention function that would leave out a bias, a padding or the window."""
        name = self.config._attn_implementation
        if name in ADDS_THE_MASK:
            return
        if self.relative:
            raise ValueError(
                f"the attention implementation {name!r} is not known to add the mask to the scores "
                "and would leave out the bias of relative positions; use 'sdpa' or 'eager', or for "
                "an engine a model with rotary or learned positions"
            )
        if name in ALL_MASK_ATTENTION_FUNCTIONS.valid_keys():  # flash: told of padding and window
            return
        unseen = torch.compiler.is_compiling()
        if attention_mask is not None and (unseen or not attention_mask.all()):
            raise ValueError(
                f"the attention implementation {name!r} takes no mask, so attention_mask would be "
                "ignored; leave it out, or use 'sdpa' or 'eager'"
            )
        if not self.slides_by_recomputing and self.config.num_hidden_layers:
            if position_ids is not None and not unseen:
                length = int(position_ids.max()) + 1
            check_sliding(name, self.window, None if unseen else length, kwargs)

    def make_mask(self, x, attention_mask, cache, position_ids):
        """The platform's mask; None where nothing is masked, or its kernels know what is."""
        if x.shape[1] == 1 and sees_all(attention_mask, cache):
            return None
        make = create_sliding_window_causal_mask
        if self.slides_by_recomputing:
            make = create_causal_mask
        plain = attention_mask is None and position_ids is None
        return make(
            self.config,
            x[:1] if plain else x,  # rows that do not differ share one mask
            attention_mask,
            cache,
            position_ids=position_ids,
            allow_is_causal_skip=not self.relative,
        )

    def distances(self, x, mask, cache, position_ids, kwargs) -> torch.Tensor | int:
        """How far back each key lies from each query, T by K; or T, where that says it all."""
        if "cu_seq_lens_k" in kwargs:  # continuous batching packs many requests into one row
            distance = paged_distances(position_ids[0], mask.shape[-1], kwargs)
            return distance.clamp(0, self.window - 1)
        first_query, first_key, total = 0, 0, x.shape[1]
        if cache is not None:
            first_query = cache.get_seq_length()
            total, first_key = cache.get_mask_sizes(x.shape[1], 0)
        if mask is None:  # one query, the newest, that sees every key
            return torch.arange(total - 1, -1, -1, device=x.device)[None]
        if total == mask.shape[-1] == x.shape[1] <= self.window:  # a whole text
            return x.shape[1]
        queries = torch.arange(x.shape[1], device=x.device) + first_query
        keys = torch.arange(mask.shape[-1], device=x.device) + first_key
        return (queries[:, None] - keys).clamp(0, self.window - 1)


def sees_all(attention_mask, cache) -> bool:
    """Whether a single new token may look at all that a growing cache returns: no padding."""
    if torch.compiler.is_compiling() or not isinstance(cache, DynamicCache):
        return False
    return attention_mask is None or (attention_mask.ndim == 2 and bool(attention_mask.all()))


def check_sliding(name: str, window: int, length, kwargs: dict) -> None:
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


def the_cache(cache, past_key_values, kwargs: dict):
    """The cache, by either of its names. Under another one it would be ignored without a word."""
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


def extend(cache, key: torch.Tensor, value: torch.Tensor, layer: int, kwargs: dict):
    """All keys and values so far. That of continuous batching wants to change `kwargs`, and up to
    5.23 to be called by the attention function itself."""
    if CACHE == "past_key_values" and not hasattr(cache, "get_seq_length"):
        kwargs["cache"] = cache
        return key, value
    return cache.update(key, value, layer, kwargs=kwargs)


def count_positions(attention_mask, x: torch.Tensor, seen) -> torch.Tensor:
    """Positions from 0 at each row's first real token."""
    if attention_mask is not None and attention_mask.ndim == 2:
        counted = attention_mask.long().cumsum(-1) - 1
        return counted.clamp(min=0)[:, -x.shape[1] :]  # B T
    return (torch.arange(x.shape[1], device=x.device) + seen)[None]  # 1 T


def check_mask(attention_mask, tokens: int, seen) -> None:
    if attention_mask is None or attention_mask.ndim != 2 or not isinstance(seen, int):
        return
    if attention_mask.shape[-1] != seen + tokens:
        raise ValueError(
            f"attention_mask covers {attention_mask.shape[-1]} tokens; "
            f"there are {seen + tokens} (the input's {tokens} and {seen} cached)"
        )


def past_window_message(length: int, window: int) -> str:
    return (
        f"the text is {length} tokens long and the window (max_position_embeddings) is {window}; "
        "only plain `generate` goes on past it, by reading the last window again"
    )


def paged_distances(positions: torch.Tensor, total: int, kwargs) -> torch.Tensor:
    """Distances where one row holds many requests, each with its own stretch of keys."""
    ends = kwargs["cu_seq_lens_k"]
    ends = next(iter(ends.values())) if isinstance(ends, dict) else ends
    ends = ends[1:].long()
    newest = positions[kwargs["cu_seq_lens_q"][1:].long() - 1]  # each request's last position
    keys = torch.arange(total, device=positions.device)
    owner = torch.searchsorted(ends, keys, right=True).clamp(max=len(ends) - 1)
    return positions[:, None] - (newest[owner] - (ends[owner] - 1 - keys))


# Implementations that add `attention_mask` to the scores, whatever is in it.
ADDS_THE_MASK = {"eager", "sdpa", "paged|eager", "paged|sdpa", "flex_attention"}

# Assisted and prompt-lookup decoding check many candidates in one pass, which cannot slide.
_one_token_at_a_time: ContextVar[bool] = ContextVar("one_token_at_a_time", default=True)


class TinyGPTForCausalLM(TinyGPTPreTrainedModel, GenerationMixin):
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}
    _tp_plan = {"lm_head": "colwise_gather_output"}
    _pp_plan = {"lm_head": (["hidden_states"], ["logits"])}

    def __init__(self, config: TinyGPTConfig):
        super().__init__(config)
        self.model = TinyGPTModel(config)
        self.vocab_size = config.vocab_size
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=config.head_bias)
        self.lm_head.start_std = 0.0 if config.zero_init else config.initializer_range
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.LongTensor | None = None,
        cache: Cache | None = None,
        inputs_embeds: torch.FloatTensor | None = None,
        labels: torch.LongTensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        past_key_values: Cache | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> CausalLMOutputWithPast:
        """`labels` are shifted here, which leaves the last position untrained. `shift_labels` are
        the next tokens themselves, one for every position; they are no named parameter, because the
        Trainer would then wait for both kinds before it measures a loss."""
        shift_labels = kwargs.pop("shift_labels", None)
        out = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            cache=cache,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            past_key_values=past_key_values,
            **kwargs,
        )
        logits = self.lm_head(slice_logits_to_keep(out.last_hidden_state, logits_to_keep))
        loss = None
        if labels is not None or shift_labels is not None:
            loss = self.loss_function(
                logits=logits,
                labels=labels,
                shift_labels=shift_labels,
                vocab_size=self.config.vocab_size,
                **kwargs,
            )
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
            **{CACHE: getattr(out, CACHE)},
        )

    def prepare_inputs_for_generation(
        self,
        input_ids: torch.LongTensor,
        next_sequence_length: int | None = None,
        cache: Cache | None = None,
        attention_mask: torch.LongTensor | None = None,
        inputs_embeds: torch.FloatTensor | None = None,
        past_key_values: Cache | None = None,
        **kwargs,
    ) -> dict:
        """Past the window, absolute positions start again: read the last window from position 0."""
        length, window = input_ids.shape[1], self.model.window
        if length <= window or not self.model.slides_by_recomputing:
            return super().prepare_inputs_for_generation(
                input_ids,
                next_sequence_length,
                past_key_values if cache is None else cache,
                attention_mask,
                inputs_embeds,
                **kwargs,
            )
        if not _one_token_at_a_time.get():
            raise ValueError(past_window_message(length, window))
        inputs = {name: kwargs[name] for name in _KEPT_WHEN_SLIDING if name in kwargs}
        if attention_mask is not None:
            attention_mask = attention_mask[:, -window:]
        return inputs | {
            "input_ids": input_ids[:, -window:].clone(),
            "attention_mask": attention_mask,
            "use_cache": False,
        }

    def _assisted_decoding(self, *args, **kwargs):
        token = _one_token_at_a_time.set(False)
        try:
            return super()._assisted_decoding(*args, **kwargs)
        finally:
            _one_token_at_a_time.reset(token)

    def _get_stopping_criteria(self, *args, **kwargs):
        criteria = super()._get_stopping_criteria(*args, **kwargs)
        for criterion in criteria:  # no reminder that the window ends: here text goes on
            if hasattr(criterion, "max_position_embeddings"):
                criterion.max_position_embeddings = None
        return criteria


# `generate` asks for it at every step of a class outside transformers: 5 % of a step, if not kept.
TinyGPTForCausalLM.forward.__signature__ = inspect.signature(TinyGPTForCausalLM.forward)

_KEPT_WHEN_SLIDING = ("logits_to_keep", "output_attentions", "output_hidden_states", "return_dict")

__all__ = ["TinyGPTForCausalLM", "TinyGPTModel", "TinyGPTPreTrainedModel"]
