"""`python -m training.publish MODEL --repo-id USER/NAME`: publishes all of a model, or nothing.

Every step can be run again, and a run that was cut off is repaired by the next one:

1. look: the token, the permission, what is there, whether a tag would have to move (`access.py`)
2. stage: an immutable copy of what may be published (`staging.py`)
3. commit to a branch, and prove it there: hashes, then loaded back by a fresh process with the same
   logits (`proof.py`)
4. commit the same files to `main`; if they do not come back as they were sent, put the old version
   back
5. tag that commit `step-N`, and name it in the card: pinned to it, a reader always gets this code
   and these weights
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from huggingface_hub import set_client_factory

from training.hub.commit import commit_folder
from training.hub.errors import PublishError, bounded_client
from training.hub.publishing import Published, publish
from training.loop.console import leave, print_anything

__all__ = ["PublishError", "Published", "commit_folder", "main", "publish"]


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.publish",
        description="Publish a run on the Hugging Face Hub, proved to load before `main` changes.",
        epilog="The access token comes from HF_TOKEN or `hf auth login`; it is not a flag.",
    )
    parser.add_argument(
        "run_dir", metavar="MODEL", help="a run, one of its checkpoint-N folders, or a shipped name"
    )
    parser.add_argument("--repo-id", required=True, metavar="USER/NAME")
    parser.add_argument("--public", action="store_true", help="for all to see (default: private)")
    names = parser.add_mutually_exclusive_group()
    names.add_argument("--tag", metavar="NAME", help="tag of this version (default: step-N)")
    names.add_argument(
        "--all-checkpoints", action="store_true", help="the run's history; `main` ends at the best"
    )
    parser.add_argument(
        "--license",
        metavar="L",
        help="licence for others: apache-2.0, mit...",
    )
    parser.add_argument("--language", metavar="L", help="language of its text: en, de, ja...")
    parser.add_argument(
        "--replace", action="store_true", help="replace another run, or a later step"
    )
    parser.add_argument("--run", metavar="NAME", help="tag NAME-step-N, for a second run")
    parser.add_argument(
        "--as",
        dest="twin",
        choices=("gpt2", "llama"),
        help="as a plain GPT-2 or Llama, without code",
    )
    parser.add_argument(
        "--into-existing", action="store_true", help="into a repository that this tool did not make"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and stop")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    print_anything()
    given = vars(make_parser().parse_args(argv))
    set_client_factory(bounded_client)
    try:
        published = publish(given.pop("run_dir"), given.pop("repo_id"), **given, say=print)
        if published is not None:
            print(published.for_a_stranger)
    except PublishError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; run this again to finish or undo it", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    leave(main())
