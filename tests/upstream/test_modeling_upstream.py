"""transformers' own tests of a model, unmodified: on its GPT-2, as the measure, and on ours.

`pytest` runs GPT-2 and two settings that cover each other's half of the switches,
`pytest -m upstream` the whole matrix.
"""

import unittest
from itertools import product

import pytest
from parameterized import parameterized_class
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Model
from transformers.models.auto import modeling_auto

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM, TinyGPTModel

from .sdist import load
from .tester import ModelTester

modeling = load("test_modeling_common")
ConfigTester = load("test_configuration_common").ConfigTester
TrainingTesterMixin = load("test_training_mixin").TrainingTesterMixin

# Upstream's own warnings are not ours to silence. One of its tests looks for the last of these.
WARNINGS = ("ignore", "always:`past_key_values` is deprecated:FutureWarning")
pytestmark = [pytest.mark.upstream, pytest.mark.filterwarnings(*WARNINGS)]

# Skipped for our model and not for GPT-2: name of the test -> the reason.
SKIPPED_BEYOND_GPT2: dict[str, str] = {}


class Upstream(modeling.ModelTesterMixin, modeling.GenerationTesterMixin, TrainingTesterMixin):
    # Upstream does not ask this of models older than 2023.
    test_can_init_all_missing_weights_before_2023 = True
    model_tester = None

    def test_config(self):
        config_class = self.model_tester.config_class
        ConfigTester(self, config_class=config_class, use_cache=False).run_common_tests()


@pytest.mark.covering
class TestGPT2(Upstream, unittest.TestCase):
    all_model_classes = (GPT2Model, GPT2LMHeadModel)

    def setUp(self):
        self.model_tester = ModelTester(GPT2Config, GPT2LMHeadModel)


def settings():
    """The matrix: every kind of position, norm before and after, tied and untied."""
    positions = ("relative", "learned", "sinusoidal", "rotary")
    covering = {("relative", "before", False), ("learned", "after", True)}
    for position, norm, tied in product(positions, ("before", "after"), (False, True)):
        yield {
            "switches": {
                "position_embedding": position,
                "norm_position": norm,
                "tie_word_embeddings": tied,
            },
            "name": f"{position}_norm_{norm}_{'tied' if tied else 'untied'}",
            "pytestmark": [pytest.mark.covering] if (position, norm, tied) in covering else [],
            "__test__": True,
        }


def name_of(cls, _number, setting):
    return f"{cls.__name__}_{setting['name']}"


@parameterized_class(list(settings()), class_name_func=name_of)
class TestTinyGPT(Upstream, unittest.TestCase):
    __test__ = False  # but the classes made from it
    all_model_classes = (TinyGPTModel, TinyGPTForCausalLM)

    @classmethod
    def setUpClass(cls):
        """Upstream tells a base model from one with a head by the tables of in-tree classes."""
        super().setUpClass()
        with_names = pytest.MonkeyPatch()
        cls.addClassCleanup(with_names.undo)
        for table, model in (
            (modeling_auto.MODEL_MAPPING_NAMES, TinyGPTModel),
            (modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, TinyGPTForCausalLM),
        ):
            with_names.setitem(table, TinyGPTConfig.model_type, model.__name__)

    def setUp(self):
        self.model_tester = ModelTester(TinyGPTConfig, TinyGPTForCausalLM, **self.switches)


@pytest.mark.covering
def test_nothing_is_skipped_that_gpt2_is_not(outcomes):
    """A model that skips a test has not passed it: the same ones run as for in-tree GPT-2."""
    gpt2, ours = outcomes.get("TestGPT2"), dict(outcomes)
    ours.pop("TestGPT2", None)
    if not gpt2 or not ours:
        pytest.skip("compares with the classes above; run the whole file")
    allowed = {test for test, reason in gpt2.items() if reason} | set(SKIPPED_BEYOND_GPT2)
    for name, tests in ours.items():
        assert tests.keys() == gpt2.keys(), name
        beyond = {test: why for test, why in tests.items() if why and test not in allowed}
        assert not beyond, f"{name} skips what GPT-2 does not: {beyond}"
