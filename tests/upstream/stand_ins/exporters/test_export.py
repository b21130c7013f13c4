"""Not shipped. `tests/tinygpt_hf/test_clients.py` exports our model."""


class ExportTesterMixin:
    """A base class without tests."""
