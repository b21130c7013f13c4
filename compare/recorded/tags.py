"""The tags of a repo on the Hub."""

from __future__ import annotations

from compare.values import RefusedError

SECONDS = 10.0


def tags_of(repo: str) -> list[str]:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled

    api = HfApi()
    try:
        api.model_info(repo, timeout=SECONDS)  # `list_repo_refs` takes no limit of its own
        return [ref.name for ref in api.list_repo_refs(repo).tags]
    except (HfHubHTTPError, HTTPError, OfflineModeIsEnabled, OSError) as error:
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise RefusedError(
            f"The versions of {repo} cannot be read from the Hub: {first[0][:200]}"
        ) from None
