"""What upstream asks of a model's tester: small sizes, a config and a batch."""

import torch

from .sdist import load


class ModelTester:
    is_training = True
    batch_size, seq_length = 13, 7
    vocab_size, hidden_size = 99, 32
    num_hidden_layers, num_attention_heads = 2, 2

    def __init__(self, config_class, causal_lm_class, **switches):
        self.config_class = config_class
        self.causal_lm_class = causal_lm_class
        self.switches = switches

    def get_config(self):
        return self.config_class(
            vocab_size=self.vocab_size,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            max_position_embeddings=512,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            **self.switches,
        )

    def prepare_config_and_inputs_for_common(self):
        sizes = [self.batch_size, self.seq_length]
        input_ids = load("test_modeling_common").ids_tensor(sizes, self.vocab_size)
        attention_mask = torch.ones_like(input_ids).tril()
        return self.get_config(), {"input_ids": input_ids, "attention_mask": attention_mask}
