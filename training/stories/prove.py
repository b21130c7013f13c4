"""`python -m training.stories.prove`: how well the checker tells whole stories from spoilt ones.

Exits 1 where it does not find enough of the spoilt ones, or finds anything in a whole one.
"""

import argparse
import sys
from collections.abc import Sequence

FOUND, FOUND_KEPT_BACK = 0.98, 0.95


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.stories.prove", description=__doc__)
    parser.add_argument("--whole", type=int, default=5000, help="whole stories (default: 5000)")
    parser.add_argument("--spoilt", type=int, default=2000, help="spoilt ones (default: 2000)")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--kept_back", action="store_true", help="also the kinds kept back")
    parser.add_argument("--show", action="store_true", help="what was missed, and found wrongly")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    from .spoiling.kinds import KINDS

    right = whole(args.whole, args.seed, args.show)
    kinds = [kind.name for kind in KINDS if not kind.kept_back]
    right &= spoil(kinds, args.spoilt, args.seed, FOUND, args.show)
    if args.kept_back:
        print("kept back:")
        kinds = [kind.name for kind in KINDS if kind.kept_back]
        right &= spoil(kinds, args.spoilt, args.seed, FOUND_KEPT_BACK, args.show)
    return 0 if right else 1


def whole(count: int, seed: int, show: bool) -> bool:
    from .check import HOLDS, study
    from .telling.story import story

    wrong = 0
    for number in range(count):
        text = story(seed, number).text
        found = study(text)
        if found.verdict != HOLDS:
            wrong += 1
            if show:
                print(f"{text}\n    {found.verdict}: {'; '.join(map(str, found.problems))}")
    print(f"whole stories: {count:,}, something found in {wrong}")
    return wrong == 0


def spoil(kinds: list[str], count: int, seed: int, wanted: float, show: bool) -> bool:
    from .check import FAILS, study
    from .spoiling.spoil import spoilt

    found = tried = 0
    for order, kind in enumerate(kinds):
        share = count // len(kinds) + (order < count % len(kinds))
        hits, number, done = 0, 0, 0
        while done < share and number < 200 * share:
            text = spoilt(kind, seed + 1, number)
            number += 1
            if text is None:
                continue
            done += 1
            if study(text).verdict == FAILS:
                hits += 1
            elif show:
                print(f"missed, {kind}: {text}")
        print(f"{kind:12} {hits:4} of {done}")
        found, tried = found + hits, tried + done
    part = found / tried
    print(f"spoilt stories: {tried:,}, found {found} ({part:.1%}, wanted {wanted:.0%})")
    return part >= wanted and tried >= count


if __name__ == "__main__":
    sys.exit(main())
