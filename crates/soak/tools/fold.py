"""Folds logs of progress again, and says where a state is not what its log gives.

An implementation of docs/specification/progress.md of its own, upon py-fsrs (in vendor/fsrs, unchanged).
Reads one JSON object per line from the file named as its argument:

    {"key": "u0001.w003",
     "reviews": [{"id": "…", "at": 0, "rating": 3, "undone": false, "retention": 0.9}],
     "sets":    [{"lo": 0, "hi": 0, "certain": true, "study": 1, "correct": null, "confidence": 0.5}],
     "forgets": [{"lo": 0, "hi": null, "certain": false}],
     "state":   null or {"study": 1, "correct": 1, "confidence": 0.1, "next": 0,
                         "memory": null or {"stability": 1.0, "difficulty": 5.0, "last": 0, "lapses": 0}}}

Times are milliseconds since 1970. When a set or a forget took place is known only as an interval, without a
`hi` an open one; one that is not certain may not have happened at all. A state is right if some order of
events within the intervals leads to it. Writes a line for each that is not, then how many were looked at.
"""

import json
import math
import sys
import types
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "vendor"))
# Named in annotations only, which are never evaluated.
sys.modules.setdefault("typing_extensions", types.SimpleNamespace(Self=None))

from fsrs import Card, Rating, Scheduler, State  # noqa: E402

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
DAY = 86_400_000
MATURE = 21.0
STABILITY_MAX = 36_500.0
INTERVAL_MAX = 36_500

SCHEDULERS = {}


def scheduler(retention):
    """FSRS-6 with its default weights, without fuzz and without learning steps."""
    if retention not in SCHEDULERS:
        SCHEDULERS[retention] = Scheduler(
            desired_retention=retention,
            learning_steps=(),
            relearning_steps=(),
            maximum_interval=INTERVAL_MAX,
            enable_fuzzing=False,
        )
    return SCHEDULERS[retention]


def half_away(value):
    """Rounds to a whole number, halves away from zero; for what is not negative."""
    return math.floor(value + 0.5)


def round4(value):
    return half_away(value * 10_000) / 10_000


def is_close(one, two):
    """Whether two numbers are the same, but for the last place that is kept."""
    return abs(one - two) <= max(2e-4, 1e-4 * abs(two))


def instant(at):
    return EPOCH + timedelta(milliseconds=at)


def days_by_confidence(confidence):
    return half_away(1 + 29 * confidence * confidence)


class Memory:
    """What a run of reviews leaves behind."""

    def __init__(self, reviews):
        self.reviews = reviews
        self.last = reviews[-1]
        self.lapses = sum(review["rating"] == 1 for review in reviews[1:])
        self.stability, self.difficulty = self.run(exact=True)[0]

    def run(self, exact):
        """The corners of the region that stability and difficulty may lie in.

        The server computes in single precision and rounds at each step, so that a number beside the edge of
        the fourth decimal falls to either side of it, and long histories widen the gap. Exactly computed,
        the region is a point.
        """
        corners, before = [(None, None)], None
        for review in self.reviews:
            after = {step(review, before, *corner) for corner in corners}
            blur = (0, 0) if exact else (5e-6, 2e-6)
            corners = [
                (round4(min(max(stability, 0.001), STABILITY_MAX)), round4(min(max(difficulty, 1), 10)))
                for stability in ends({one for one, _ in after}, blur[0])
                for difficulty in ends({two for _, two in after}, blur[1])
            ]
            before = review
        return corners

    def matches(self, seen):
        if seen is None or seen["last"] != self.last["at"] or seen["lapses"] != self.lapses:
            return False
        if is_close(seen["stability"], self.stability) and is_close(seen["difficulty"], self.difficulty):
            return True
        corners = self.run(exact=False)
        return lies_within(seen["stability"], [one for one, _ in corners]) and lies_within(
            seen["difficulty"], [two for _, two in corners]
        )

    def __str__(self):
        return (
            f"stability {self.stability}, difficulty {self.difficulty}, lapses {self.lapses}, "
            f"last at {self.last['at']}"
        )


def step(review, before, stability, difficulty):
    """One review, by py-fsrs."""
    at, card = instant(review["at"]), Card(card_id=0, due=EPOCH)
    if before is not None:
        card.state, card.step = State.Review, None
        card.stability, card.difficulty = stability, difficulty
        card.last_review = instant(before["at"])
    card, _ = scheduler(retention_of(review)).review_card(card, Rating(review["rating"]), at)
    return card.stability, card.difficulty


def ends(values, blur):
    """The least and the greatest of some values, a little apart."""
    low, high = min(values), max(values)
    return {low - blur * low, high + blur * high}


def lies_within(value, values):
    return min(values) - 2e-4 <= value <= max(values) + 2e-4


def retention_of(review):
    return review.get("retention", 0.9)


def confidence_by(stability):
    return min(1.0, 0.8 * stability / MATURE)


def is_due_after(stability, review, due):
    """Whether this is when a review leaves a word due; either day is right where the interval lies between two."""
    days, rest = divmod(due - review["at"], DAY)
    retention = retention_of(review)
    model = scheduler(retention)
    interval = stability / model._FACTOR * (retention ** (1 / model._DECAY) - 1)
    interval = min(max(interval, 1), INTERVAL_MAX)
    return rest == 0 and abs(interval - days) <= 0.5 + 1e-5 * interval


class Word:
    """A word's log, with what is not known of it."""

    def __init__(self, case):
        order = lambda review: (review["at"], bytes.fromhex(review["id"].replace("-", "")))
        self.reviews = sorted(case["reviews"], key=order)
        self.sets = [self.placed(one) for one in case["sets"]]
        self.forgets = [self.placed(one) for one in case["forgets"]]
        self.seen = case["state"]
        self.whys = []

    def placed(self, event):
        """Adds how many reviews come before it, at the least and at the most."""
        hi = math.inf if event["hi"] is None else event["hi"]
        first = sum(review["at"] < event["lo"] for review in self.reviews)
        last = sum(review["at"] <= hi for review in self.reviews)
        return {**event, "hi": hi, "first": first, "last": last}

    def is_right(self):
        return any(self.holds_after(*start) for start in self.starts())

    def starts(self):
        """Where the fold may begin: at the first review, or behind a forget that may have been the last."""
        certain = [one["lo"] for one in self.forgets if one["certain"]]
        if not certain:
            yield 0, None
        for forget in self.forgets:
            if all(lo <= forget["hi"] for lo in certain):
                for place in range(forget["first"], forget["last"] + 1):
                    yield place, forget

    def holds_after(self, start, forget):
        seen, after = self.seen, self.reviews[start:]
        may_follow = [one for one in self.sets if self.may_follow(one, start, forget)]
        must_follow = [one for one in may_follow if self.must_follow(one, start, forget)]
        if seen is None:
            return self.check(not after and not must_follow, "there is no state, and something began one")
        if not self.check(bool(after or may_follow), "there is a state, and nothing began it"):
            return False
        counted = [review for review in after if not review["undone"]]
        memory = Memory(counted) if counted else None
        right = (seen["memory"] is None) if memory is None else memory.matches(seen["memory"])
        return (
            self.check(right, f"memory: {memory}")
            and self.count_holds("study", start, may_follow, must_follow, lambda _: True)
            and self.count_holds("correct", start, may_follow, must_follow, lambda one: one["rating"] != 1)
            and self.confidence_holds(start, memory, may_follow, must_follow)
        )

    def may_follow(self, event, start, forget):
        return forget is None or (event["hi"] >= forget["lo"] and event["last"] >= start)

    def must_follow(self, event, start, forget):
        return event["certain"] and (
            forget is None or event["lo"] > forget["hi"] or event["first"] > start
        )

    def last_sets(self, member, may_follow, must_follow):
        """The sets that may have been the last to fix a member; None among them if there may be none."""
        carrying = [one for one in may_follow if one[member] is not None]
        certain = [one["lo"] for one in must_follow if one[member] is not None]
        possible = [one for one in carrying if all(lo <= one["hi"] for lo in certain)]
        return possible if certain else [None, *possible]

    def count_holds(self, member, start, may_follow, must_follow, counts):
        options = set()
        for last in self.last_sets(member, may_follow, must_follow):
            base = 0 if last is None else last[member]
            places = [start] if last is None else range(max(start, last["first"]), last["last"] + 1)
            for place in places:
                later = (one for one in self.reviews[place:] if not one["undone"])
                options.add(base + sum(counts(one) for one in later))
        return self.check(self.seen[member] in options, f"{member} count: {sorted(options)}")

    def confidence_holds(self, start, memory, may_follow, must_follow):
        seen, options = self.seen, []
        places = [
            place
            for place in range(start, len(self.reviews))
            if not self.reviews[place]["undone"]
        ]
        final = places[-1] if places else None
        for last in self.last_sets("confidence", may_follow, must_follow):
            if last is not None and (final is None or last["last"] > final):
                options.append(f"{last['confidence']} set from {last['lo']} to {last['hi']}")
                wait = days_by_confidence(last["confidence"]) * DAY
                fixed = last["lo"] + wait <= seen["next"] <= last["hi"] + wait
                if seen["confidence"] == last["confidence"] and fixed:
                    return True
            if memory is not None and (last is None or last["first"] <= final):
                stability = seen["memory"]["stability"]
                options.append(f"{confidence_by(stability)} by stability {stability}")
                close = abs(seen["confidence"] - confidence_by(stability)) <= 1e-9
                if close and is_due_after(stability, memory.last, seen["next"]):
                    return True
            if memory is None and last is None:
                options.append("0 from the beginning")
                if seen["confidence"] == 0 and self.began_at(seen["next"], start, may_follow):
                    return True
        return self.check(False, f"confidence: {options}")

    def began_at(self, at, start, may_follow):
        by_review = start < len(self.reviews) and self.reviews[start]["at"] == at
        return by_review or any(one["lo"] <= at <= one["hi"] for one in may_follow)

    def check(self, holds, why):
        if not holds and why not in self.whys:
            self.whys.append(why)
        return holds


def main():
    checked = 0
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            word = Word(case)
            checked += 1
            if not word.is_right():
                wrong = {"key": case["key"], "expected": word.whys[:4], "seen": case["state"]}
                print(json.dumps(wrong))
    print(json.dumps({"checked": checked}))


if __name__ == "__main__":
    main()
