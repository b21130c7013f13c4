"""A Hub on loopback for the real huggingface_hub client. Nothing of the client is replaced.

    with LoopbackHub() as hub:
        hub.account("ada", token)
        HF_ENDPOINT=hub.url HF_TOKEN=token python -m training.publish ...

It keeps repositories, commits, branches, tags and large files (on a second host name, as the real
one does), knows accounts and their tokens, private and gated repositories, and has faults that can
be switched on (`faults.py`).
"""

from __future__ import annotations

import socket
import threading
import time

import uvicorn
from starlette.convertors import Convertor, register_url_convertor

from .faults import FaultLayer, Faults
from .store import Store


class _Kind(Convertor):
    """`models` in a path is `model` in code."""

    regex = "models|datasets|spaces"

    def convert(self, value: str) -> str:
        return value.removesuffix("s")

    def to_string(self, value: str) -> str:
        return value + "s"


class _Setting(Convertor):
    regex = "secrets|variables"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("kind", _Kind())
register_url_convertor("setting", _Setting())

from .access import Account  # noqa: E402 (the routes need the convertors above)
from .app import HubApp  # noqa: E402 (likewise)


def bind() -> socket.socket:
    """A loopback port that is ours before anybody listens on it."""
    # With the protocol named, asyncio sets TCP_NODELAY; without, each answer waits for 40 ms.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.bind(("127.0.0.1", 0))
    return bound


class LoopbackHub:
    def __init__(self, bound: socket.socket | None = None) -> None:
        self.socket = bound or bind()
        port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.app = HubApp()
        self.app.files_host = f"http://localhost:{port}"
        self.layer = FaultLayer(self.app.asgi)
        self.layer.owner_of_token = self._owner
        # uvicorn would close idle connections after 5 s, in the middle of a client's next request.
        settings = {"log_level": "critical", "lifespan": "off", "ws": "none"}
        config = uvicorn.Config(self.layer, timeout_keep_alive=75, **settings)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self.socket],), daemon=True)

    @property
    def store(self) -> Store:
        return self.app.store

    def account(self, name: str, token: str, **facts) -> Account:
        self.app.accounts[token] = Account(name, **facts)
        return self.app.accounts[token]

    def repo(self, repo_id: str, kind: str = "model"):
        return self.store.repos[kind, repo_id]

    def files(self, repo_id: str, revision: str = "main", kind: str = "model") -> dict[str, bytes]:
        """What a revision really holds, byte for byte."""
        tree = self.repo(repo_id, kind).at(revision).tree
        return {path: self.store.read(file) for path, file in tree.items()}

    def break_for(self, name: str, **plan) -> Faults:
        self.layer.faults[name] = faults = Faults(**plan)
        return faults

    def heal(self, name: str) -> None:
        self.layer.faults.pop(name, None)

    def clear(self) -> None:
        """Everything forgotten: the next test starts on an empty Hub."""
        self.app.store = Store()
        self.app.accounts.clear()
        self.app.trusted.clear()
        self.layer.faults.clear()
        self.layer.requests.clear()

    def _owner(self, token: str) -> str | None:
        account = self.app.accounts.get(token)
        return account.name if account else None

    def __enter__(self) -> LoopbackHub:
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the loopback Hub did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *_) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=10)


__all__ = ["Account", "Faults", "LoopbackHub", "bind"]
