"""What must hold when everything has settled: the remote keys are our records, whole, once, and none else.

Pure: it is given what the service shows and what the clouds hold, and gives back what is wrong, in words. Its own
claims are in `proof`: for each rule a state that breaks it.
"""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class SeenPlacement:
    """A placement as the service shows it."""

    provider: str
    state: str = "ACTIVE"
    remote_id: str = "r1"
    is_escrowed: bool = False


@dataclass(frozen=True)
class SeenPair:
    """A pair as the service shows it. `opens`: what ExportPrivate gave belongs to the public half; None: not asked."""

    id: str = "p1"
    state: str = "ACTIVE"
    key: str = "k1"
    is_stored: bool = True
    opens: bool | None = True
    placements: tuple = field(default_factory=lambda: (SeenPlacement("cloud"),))


@dataclass(frozen=True)
class SeenKey:
    """A key as a cloud holds it."""

    id: str = "r1"
    key: str = "k1"
    is_escrowed: bool = False


def unsettled(pairs):
    """What is still under way."""
    wrong = []
    for pair in pairs:
        if pair.state != "ACTIVE":
            wrong.append(f"pair {pair.id} is {pair.state}")
        wrong += [
            f"pair {pair.id}: its placement at {placement.provider} is {placement.state}"
            for placement in pair.placements
            if placement.state != "ACTIVE"
        ]
    return wrong


def wrong(pairs, keys):
    """What does not hold; `keys` is {provider: [SeenKey]}."""
    found = unsettled(pairs)
    placed = {}
    for pair in pairs:
        if pair.is_stored and not pair.opens:
            found.append(f"pair {pair.id} is ACTIVE and its private half cannot be opened")
        for placement in pair.placements:
            placed.setdefault((placement.provider, placement.remote_id), []).append((pair, placement))
    for (provider, remote_id), owners in placed.items():
        if len(owners) > 1:
            found.append(f"two pairs say that {remote_id} at {provider} is theirs")
        pair, placement = owners[0]
        held = [key for key in keys.get(provider, []) if key.id == remote_id]
        if not held:
            found.append(f"pair {pair.id}: {provider} does not hold {remote_id or 'it'}")
        elif held[0].key != pair.key:
            found.append(f"pair {pair.id}: {provider} holds another key as {remote_id}")
        elif held[0].is_escrowed != placement.is_escrowed:
            found.append(
                f"pair {pair.id}: escrow at {provider} is {held[0].is_escrowed}, shown as {placement.is_escrowed}"
            )
    for provider, held in keys.items():
        found += [f"{key.id} at {provider} is stranded" for key in held if (provider, key.id) not in placed]
        lines = [key.key for key in held]
        found += [f"a key is at {provider} {lines.count(line)} times" for line in set(lines) if lines.count(line) > 1]
    return found


def unkept(outcome, makes, pairs):
    """What the call's answer promised and is not so. `outcome` is "ok", "refused" or "unknown"."""
    is_there = bool(pairs)
    if outcome == "ok" and is_there != makes:
        return ["the call was answered OK, and what it " + ("made is not there" if makes else "deleted is there")]
    if outcome == "refused" and makes and is_there:
        return ["the call was refused, and what it made is there"]
    return []


def proof():
    """(what, holds) for each rule: that it passes what is right, and sees what is wrong."""
    pair, key = SeenPair(), SeenKey()
    here = (SeenPlacement("cloud"),)
    right = [([pair], {"cloud": [key]}), ([], {"cloud": []}), ([replace(pair, placements=())], {"cloud": []})]
    broken = {
        "a pair that is PENDING": ([replace(pair, state="PENDING")], {"cloud": [key]}),
        "a placement that is PENDING": (
            [replace(pair, placements=(replace(here[0], state="PENDING"),))],
            {"cloud": [key]},
        ),
        "a private half that does not open": ([replace(pair, opens=False)], {"cloud": [key]}),
        "a private half that nobody opened": ([replace(pair, opens=None)], {"cloud": [key]}),
        "a key that the cloud does not hold": ([pair], {"cloud": []}),
        "another key of that id": ([pair], {"cloud": [replace(key, key="k2")]}),
        "a stranded key": ([], {"cloud": [key]}),
        "a doubled key": ([pair], {"cloud": [key, replace(key, id="r2")]}),
        "two pairs on one key": ([pair, replace(pair, id="p2")], {"cloud": [key]}),
        "escrow that is not there": (
            [replace(pair, placements=(replace(here[0], is_escrowed=True),))],
            {"cloud": [key]},
        ),
        "escrow that is not shown": ([pair], {"cloud": [replace(key, is_escrowed=True)]}),
    }
    told = [(f"the judge passes what is right ({number})", not wrong(*case)) for number, case in enumerate(right, 1)]
    told += [(f"the judge sees {what}", bool(wrong(*case))) for what, case in broken.items()]
    told.append(
        ("the judge sees a promise that was not kept", bool(unkept("ok", True, []) and unkept("ok", False, [pair])))
    )
    told.append(("the judge sees a refusal that left something", bool(unkept("refused", True, [pair]))))
    told.append(
        (
            "the judge lets an unknown outcome be either",
            not unkept("unknown", True, []) + unkept("unknown", True, [pair]),
        )
    )
    return told
