"""transformers' own tests of tensor parallelism, unmodified: two processes, one model."""

import unittest

import pytest
from parameterized import parameterized_class

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM, TinyGPTModel

from .sdist import load
from .tester import ModelTester

tensor_parallel = load("test_tensor_parallel_mixin")

pytestmark = [pytest.mark.upstream, pytest.mark.filterwarnings("ignore")]


SETTINGS = {
    "learned": {"bias": True, "norm_type": "layer", "tie_word_embeddings": True},
    "sinusoidal": {"norm_position": "after", "bias": True},
    "rotary": {"hidden_act": "swiglu", "norm_type": "rms", "num_key_value_heads": 2},
}


@parameterized_class(
    [{"position": position, "__test__": True} for position in SETTINGS],
    class_name_func=lambda cls, _, setting: f"{cls.__name__}_{setting['position']}",
)
class TestTensorParallel(tensor_parallel.TensorParallelTesterMixin, unittest.TestCase):
    __test__ = False  # but the classes made from it
    all_model_classes = (TinyGPTModel, TinyGPTForCausalLM)
    model_tester = None

    @pytest.fixture(autouse=True)
    def as_in_tree(self, monkeypatch):
        """Upstream runs these only for model types that it lists."""
        types = {TinyGPTConfig.model_type}
        monkeypatch.setattr(tensor_parallel, "TP_DISTRIBUTED_TEST_MODEL_TYPES", types)

    def setUp(self):
        switches = {"position_embedding": self.position} | SETTINGS[self.position]
        self.model_tester = ModelTester(TinyGPTConfig, TinyGPTForCausalLM, **switches)
