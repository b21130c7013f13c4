"""The model. In a process that imports this package, `AutoModel` needs no trust flag for it."""

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from .configuration_tinygpt import TinyGPTConfig
from .modeling_tinygpt import (
    TinyGPTForCausalLM,
    TinyGPTForSequenceClassification,
    TinyGPTForTokenClassification,
    TinyGPTModel,
)

# Registered in this process; every save_pretrained, the Trainer's too, copies the code files.
AutoConfig.register(TinyGPTConfig.model_type, TinyGPTConfig, exist_ok=True)
TinyGPTConfig.register_for_auto_class()
for auto, model in (
    (AutoModel, TinyGPTModel),
    (AutoModelForCausalLM, TinyGPTForCausalLM),
    (AutoModelForSequenceClassification, TinyGPTForSequenceClassification),
    (AutoModelForTokenClassification, TinyGPTForTokenClassification),
):
    auto.register(TinyGPTConfig, model, exist_ok=True)
    model.register_for_auto_class(auto.__name__)

__all__ = [
    "TinyGPTConfig",
    "TinyGPTForCausalLM",
    "TinyGPTForSequenceClassification",
    "TinyGPTForTokenClassification",
    "TinyGPTModel",
]
