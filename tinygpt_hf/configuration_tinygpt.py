"""TinyGPTConfig: one set of fields for every model from a bigram to GPT-2 and Llama.

`TinyGPTConfig()` is the `modern` architecture. Every other system is a recipe in
`training/recipes`; a switch that no recipe uses is not here. This file and `modeling_tinygpt.py`
travel to the Hub together.
"""

from typing import Any

import transformers

# Before imports that an older version lacks: its user sees this message and not an ImportError.
if tuple(map(int, transformers.__version__.split(".")[:2])) < (5, 23):
    raise ImportError(
        f"TinyGPT needs transformers 5.23 or newer, and this is {transformers.__version__}: "
        "pip install --upgrade transformers"
    )

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

_CHOICES = {
    "mixer": ("attention", "mean"),
    "position_embedding": ("learned", "sinusoidal", "rotary", "relative", "none"),
    "norm_type": ("layer", "bare", "rms"),
    "norm_position": ("before", "after", "none"),
    "hidden_act": ("relu", "relu2", "gelu", "gelu_new", "swiglu"),
}
# The smallest value that each size may take.
_LEAST = {
    "vocab_size": 1,
    "hidden_size": 1,
    "intermediate_size": 0,
    "num_hidden_layers": 0,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "max_position_embeddings": 1,
}
# The class and file behind each auto class, in a folder that carries the code. Publishing reads
# it from here.
AUTO_MAP = {
    "AutoConfig": "configuration_tinygpt.TinyGPTConfig",
    "AutoModel": "modeling_tinygpt.TinyGPTModel",
    "AutoModelForCausalLM": "modeling_tinygpt.TinyGPTForCausalLM",
    "AutoModelForSequenceClassification": "modeling_tinygpt.TinyGPTForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_tinygpt.TinyGPTForTokenClassification",
}


@strict
class TinyGPTConfig(PreTrainedConfig):
    """The shape of a TinyGPT.

    Sizes
        vocab_size, hidden_size, num_hidden_layers, num_attention_heads: as everywhere.
            0 layers is a bigram.
        intermediate_size: width of the MLP; None for 4 times hidden_size, 0 for no MLP.
        num_key_value_heads: fewer than heads for grouped-query attention; None for as many.
        max_position_embeddings: the window, how many tokens the model sees at once.
    Parts
        mixer: how a token looks at the window: `attention`, or its plain `mean` (no parameters).
        position_embedding: `relative` (a learned bias per head and distance), `rotary`, `learned`,
            `sinusoidal` or `none`.
        rope_theta: base of the rotary wavelengths.
        norm_type: `layer` (gain and bias), `bare` (layer norm without either), `rms` (gain only).
        norm_position: `before` each part and the head, `after` the residual sum, or `none`.
        residual: whether a part adds to its input or replaces it.
        hidden_act: of the MLP; `swiglu` is a SiLU with a gate.
        bias, head_bias: on the linear layers of the blocks, on the head.
        tie_word_embeddings: one table for both ends.
    Training
        dropout: on the embeddings and on what each part writes.
        initializer_range: standard deviation of the matrices; None for GPT-2's 0.02 at width 768,
            scaled to the width.
        embedding_range: standard deviation of the token table.
        zero_init: start the head and the output projections at zero.
        distance_reach: of `relative`: the distance, in tokens, that costs the farthest-looking head
            one at the start. Letters learn faster from a short reach, words want the whole window:
            what is out of reach at the start is hardly ever found.
    """

    model_type = "tinygpt"
    keys_to_ignore_at_inference = ["cache", "past_key_values"]
    attribute_map = {
        "n_embd": "hidden_size",
        "n_layer": "num_hidden_layers",
        "n_head": "num_attention_heads",
        "n_positions": "max_position_embeddings",
    }
    base_model_pp_plan = {
        "embed_tokens": (["input_ids"], ["inputs_embeds"]),
        "layers": (["hidden_states", "attention_mask"], ["hidden_states"]),
        "norm": (["hidden_states"], ["hidden_states"]),
    }

    vocab_size: int = 512
    hidden_size: int = 128
    intermediate_size: int | None = None
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    num_key_value_heads: int | None = None
    max_position_embeddings: int = 256

    mixer: str = "attention"
    position_embedding: str = "relative"
    rope_theta: float | int = 10000.0
    norm_type: str = "bare"
    norm_position: str = "before"
    layer_norm_eps: float = 1e-5
    residual: bool = True
    hidden_act: str = "relu2"
    bias: bool = False
    head_bias: bool = False
    tie_word_embeddings: bool = False

    dropout: float | int = 0.0
    initializer_range: float | None = None
    embedding_range: float | int = 1.0
    zero_init: bool = False
    distance_reach: float | int = 4.0

    use_cache: bool = True
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def __post_init__(self, **kwargs):
        # Checked before anything is derived, not in validate_*, whose errors are not ValueErrors.
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(choices)}"
                )
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; it must be at least {least}")
        if self.intermediate_size is None:
            self.intermediate_size = 4 * self.hidden_size
        if self.num_key_value_heads is None:
            self.num_key_value_heads = self.num_attention_heads
        self._check_numbers()
        self._check_combinations()
        if self.initializer_range is None:
            self.initializer_range = 0.02 * (768 / self.hidden_size) ** 0.5
        super().__post_init__(**kwargs)

    def to_dict(self) -> dict[str, Any]:
        """In a saved model's config it names every class; the library would name only the saved
        one."""
        output = super().to_dict()
        if output.get("auto_map", {}).keys() - {"AutoConfig"}:
            output["auto_map"] = dict(AUTO_MAP)
        return output

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    @property
    def slides_by_recomputing(self) -> bool:
        """Absolute positions end with the window: text beyond it is read again from position 0."""
        return self.position_embedding in ("learned", "sinusoidal")

    @property
    def sliding_window(self) -> int:
        """For the platform's masks and caches: how far attention reaches in text without an end."""
        if self.slides_by_recomputing:  # an AttributeError, since the platform asks `hasattr`
            raise AttributeError(f"{self.position_embedding} positions have no sliding window")
        return self.max_position_embeddings

    @sliding_window.setter
    def sliding_window(self, window: int):
        self.max_position_embeddings = window

    @property
    def base_model_tp_plan(self) -> dict[str, str]:
        """How tensor parallelism splits the token table (also the head) and the blocks. Blocks are
        split by heads, which does not work for a bias."""
        plan = {"embed_tokens": "embedding_rowwise"}
        if self.mixer == "mean" or self.position_embedding == "relative":
            return plan
        if self.num_hidden_layers:
            plan |= {f"layers.*.attn.{name}_proj": "colwise" for name in "qkv"}
            plan["layers.*.attn.o_proj"] = "rowwise"
        if self.num_hidden_layers and self.intermediate_size:
            gate = ["gate"] if self.hidden_act == "swiglu" else []
            plan |= {f"layers.*.mlp.{name}_proj": "colwise" for name in [*gate, "up"]}
            plan["layers.*.mlp.down_proj"] = "rowwise"
        return plan

    def _check_numbers(self):
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must be at least 0 and below 1")
        for name in ("initializer_range", "embedding_range"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"{name} is {value}; it must be a finite number, at least 0")
        for name in ("layer_norm_eps", "rope_theta", "distance_reach"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(
                    f"{name} is {getattr(self, name)}; it must be a finite number above 0"
                )
        for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
            value = getattr(self, name)
            for token in value if isinstance(value, list) else [value]:
                if token is not None and not 0 <= token < self.vocab_size:
                    raise ValueError(
                        f"{name} is {token}; it must be at least 0 and below vocab_size, "
                        f"which is {self.vocab_size}"
                    )

    def _check_combinations(self):
        heads, groups = self.num_attention_heads, self.num_key_value_heads or 1
        if self.hidden_size % heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {heads}"
            )
        if heads % groups:
            raise ValueError(
                f"num_attention_heads {heads} is not a multiple of num_key_value_heads {groups}"
            )
        if self.position_embedding == "rotary" and self.head_dim % 2:
            raise ValueError(
                f"position_embedding is 'rotary' and a head has {self.head_dim} dimensions "
                f"(hidden_size {self.hidden_size} / num_attention_heads {heads}); it must be even"
            )
        if self.position_embedding == "sinusoidal" and self.hidden_size % 2:
            raise ValueError(
                f"position_embedding is 'sinusoidal' and hidden_size is {self.hidden_size}; "
                "it must be even"
            )
        if self.mixer == "mean" and (
            heads > 1 or self.position_embedding in ("relative", "rotary")
        ):
            raise ValueError(
                f"mixer is 'mean', which has no scores: num_attention_heads is {heads} and must "
                f"be 1, position_embedding is {self.position_embedding!r} and may not act on them"
            )
        if self.head_bias and self.tie_word_embeddings:
            raise ValueError(
                "head_bias is True and so is tie_word_embeddings: a tied head has none"
            )
        if self.max_position_embeddings == 1 and self.num_hidden_layers:
            raise ValueError(
                f"max_position_embeddings is 1 and num_hidden_layers is {self.num_hidden_layers}; "
                "a block needs a window of at least 2"
            )


__all__ = ["TinyGPTConfig"]
