"""Times read off the seconds of a run, as the generator's JSON has them. Pure."""

WIDTH = 3          # seconds that are looked at together: arrivals scatter
LOST = 0.01        # of admitted users, by replies, while all is well
TURNED_AWAY = 0.05  # of those who come, while all is well below the capacity


def smoothed(values):
    """Mean of each value and those after it, WIDTH in all: what begins at it."""
    return [sum(values[i:i + WIDTH]) / len(values[i:i + WIDTH]) for i in range(len(values))]


def since_when(good):
    """Index of the first of the true values that the list ends with; None when it does not end with one."""
    if not good or not good[-1]:
        return None
    index = len(good) - 1
    while index > 0 and good[index - 1]:
        index -= 1
    return index


def refused(second):
    return sum(value for key, value in second.items() if key.startswith("refused_"))


def phase(series, begin, end):
    return [second for second in series if begin <= second["t"] < end]


def level(seconds, key):
    """Mean per second over the last half."""
    last = seconds[len(seconds) // 2:]
    return sum(second[key] for second in last) / max(len(last), 1)


def admitted_ms(second):
    """Response time of nearly all replies to admitted users in a second. Those who gave up unserved are in its
    percentiles, on top of the replies; so the highest percentile is taken that lies below them. None where more gave up
    than were served: then it can't be told."""
    replies, unserved = second["replies"], second["refused_timeout"]
    below = 0.99 * replies / max(replies + unserved, 1)
    for share, key in ((0.99, "p99_ms"), (0.95, "p95_ms"), (0.5, "p50_ms")):
        if share <= below + 1e-9:
            return second[key]
    return None


def latency(seconds):
    """Mean of admitted_ms() over the last half; None where it can't be told."""
    known = [ms for ms in map(admitted_ms, seconds[len(seconds) // 2:]) if ms is not None]
    return sum(known) / len(known) if known else None


def in_time(seconds, most_ms):
    """For each second, whether admitted users are served within `most_ms`; where that can't be told, whether hardly any
    is lost."""
    times = [admitted_ms(second) for second in seconds]
    return [ms <= most_ms if ms is not None else second["abandoned"] <= LOST * second["replies"]
            for ms, second in zip(times, seconds)]


def settled_after(seconds, most_ms, tolerance=0.15):
    """Seconds from the first of `seconds` until replies come at the rate of the last half, within `tolerance`, and
    within `most_ms`, and both stay so; None: never."""
    goal = level(seconds, "replies")
    replies = smoothed([second["replies"] for second in seconds])
    return since_when([abs(rate - goal) <= tolerance * goal and fine
                       for rate, fine in zip(replies, in_time(seconds, most_ms))])


def recovered_after(seconds, most_ms):
    """Seconds until hardly anybody who comes is refused or lost and replies come within `most_ms`, and it stays so;
    None: never."""
    lost = smoothed([refused(second) + second["abandoned"] for second in seconds])
    come = smoothed([second["planned"] for second in seconds])
    return since_when([gone <= TURNED_AWAY * came and fine
                       for gone, came, fine in zip(lost, come, in_time(seconds, most_ms))])
