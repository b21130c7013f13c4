"""Stand-ins for the engines that run a transformers model with attention of their own.

vLLM and SGLang build the body of a model, register an attention function by their name, and call
the body with a batch of 1 that holds the new tokens of several texts one after the other, their
`position_ids`, and one attention object a layer. The function hands queries, keys and values to
that object, which keeps the texts apart, is causal by itself and never looks at a mask.
"""

import copy

import torch
from transformers import AutoModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS


class Layer:
    """An engine's attention: keeps keys and values of every text, and slides if it has a window."""

    def __init__(self, engine, window):
        self.engine, self.sliding_window = engine, window
        self.kept = {}
        self.scale = None

    def forward(self, query, key, value, spans):
        out = []
        for text, span in spans.items():
            new = [x[span].unflatten(-1, (-1, self.engine.head_dim)) for x in (key, value)]
            kept = self.kept.get(text)
            if kept is not None:
                new = [torch.cat(pair) for pair in zip(kept, new, strict=True)]
            self.kept[text] = new
            out.append(self.attend(query[span].unflatten(-1, (-1, self.engine.head_dim)), *new))
        return torch.cat(out)

    def attend(self, query, key, value):  # T H D, K G D
        groups = query.shape[1] // key.shape[1]
        key, value = (x.repeat_interleave(groups, dim=1) for x in (key, value))
        scores = torch.einsum("thd,khd->htk", query, key) * self.scale
        behind = torch.arange(len(key))[-len(query) :, None] - torch.arange(len(key))
        hidden = behind < 0
        if self.sliding_window is not None:
            hidden |= behind >= self.sliding_window
        weights = scores.masked_fill(hidden, -torch.inf).softmax(-1)
        return torch.einsum("htk,khd->thd", weights, value).flatten(1)


class Engine:
    """vLLM's contract: a window is that of the config, where the engine was told of it."""

    name = "stand-in for vllm"

    def __init__(self, model, window=None):
        ALL_ATTENTION_FUNCTIONS.register(self.name, self.attention)
        config = copy.deepcopy(model.config)
        config._attn_implementation = self.name
        self.body = AutoModel.from_config(config).eval()
        self.body.load_state_dict(model.model.state_dict())
        self.head = model.lm_head
        mean = config.mixer == "mean"
        self.head_dim = config.hidden_size if mean else config.head_dim
        self.layers = {i: Layer(self, window) for i in range(config.num_hidden_layers)}
        self.seen = {}

    @staticmethod
    def attention(
        module, query, key, value, attention_mask, scaling=None, attention_instances=None, **kwargs
    ):
        layer = attention_instances[module.layer_idx]
        layer.scale = scaling
        tokens = query.shape[-2]
        flat = (x.transpose(1, 2).reshape(tokens, -1) for x in (query, key, value))
        spans = kwargs.get("forward_batch", layer.engine.spans)
        return layer.forward(*flat, spans), None

    def further(self):
        """What else the body is called with; vLLM keeps the spans beside the call."""
        return {}

    @torch.no_grad()
    def read(self, texts):
        """The next tokens of each text, all in one call; the logits of each text's last one."""
        self.spans, ids, positions = {}, [], []
        for text, new in texts.items():
            start = self.seen.get(text, 0)
            self.spans[text] = slice(len(ids), len(ids) + len(new))
            ids += new
            positions += range(start, start + len(new))
            self.seen[text] = start + len(new)
        hidden = self.body(
            input_ids=torch.tensor([ids]),
            position_ids=torch.tensor([positions]),
            inputs_embeds=None,
            use_cache=False,
            attention_instances=self.layers,
            return_dict=False,
            **self.further(),
        )[0][0]
        return {text: self.head(hidden[span.stop - 1]) for text, span in self.spans.items()}


class SGLang(Engine):
    """SGLang's contract: the batch itself goes through the model to the attention function, and
    its attention has no window."""

    name = "stand-in for sglang"

    def further(self):
        return {"forward_batch": self.spans}
