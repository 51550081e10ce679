"""Times read off the seconds of a run. Pure."""


def smoothed(values, width=3):
    """Mean of each value and those before it, `width` in all."""
    return [sum(values[max(0, i - width + 1):i + 1]) / (i + 1 - max(0, i - width + 1)) for i in range(len(values))]


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


def settled_after(seconds, p99_ms, tolerance=0.15):
    """Seconds from the first of `seconds` until replies come at the rate of the last half, within `tolerance`, and 99 %
    within `p99_ms`, and both stay so; None: never."""
    goal = level(seconds, "replies")
    replies = smoothed([second["replies"] for second in seconds])
    latency = smoothed([second["p99_ms"] for second in seconds])
    return since_when([abs(r - goal) <= tolerance * goal and p <= p99_ms for r, p in zip(replies, latency)])


def recovered_after(seconds, p99_ms, share=0.05):
    """Seconds until at most `share` of those who come are refused or lost and 99 % of the replies come within `p99_ms`,
    and it stays so; None: never."""
    lost = smoothed([refused(second) + second["abandoned"] for second in seconds])
    come = smoothed([second["planned"] for second in seconds])
    latency = smoothed([second["p99_ms"] for second in seconds])
    return since_when([l <= share * c and p <= p99_ms for l, c, p in zip(lost, come, latency)])
