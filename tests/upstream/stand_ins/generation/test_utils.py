"""Not shipped. `tests/tinygpt_hf/test_clients.py` tests what `generate` does with our model."""


class GenerationTesterMixin:
    """Only the marker that upstream looks for on every model that can generate."""
