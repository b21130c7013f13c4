"""The model. In a process that imports this package, `AutoModel` needs no trust flag for it."""

from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from .configuration_tinygpt import TinyGPTConfig
from .modeling_tinygpt import TinyGPTForCausalLM, TinyGPTModel

# Known to this process ...
AutoConfig.register(TinyGPTConfig.model_type, TinyGPTConfig, exist_ok=True)
AutoModel.register(TinyGPTConfig, TinyGPTModel, exist_ok=True)
AutoModelForCausalLM.register(TinyGPTConfig, TinyGPTForCausalLM, exist_ok=True)
# ... and carried along by every save_pretrained, the Trainer's too.
TinyGPTConfig.register_for_auto_class()
TinyGPTModel.register_for_auto_class("AutoModel")
TinyGPTForCausalLM.register_for_auto_class("AutoModelForCausalLM")

__all__ = ["TinyGPTConfig", "TinyGPTForCausalLM", "TinyGPTModel"]
