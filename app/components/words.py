"""Numbers as people read them; pure, shared by the pages."""


def duration(milliseconds: int) -> str:
    """Return a time span as people read it."""
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1_000:.1f} s"
    if milliseconds < 3_600_000:
        return f"{milliseconds // 60_000} min {milliseconds % 60_000 // 1_000} s"
    return f"{milliseconds // 3_600_000} h {milliseconds % 3_600_000 // 60_000} min"


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun: "no agents", "1 agent", "2 agents"."""
    noun = one if count == 1 else many or f"{one}s"
    return f"{count or 'no'} {noun}"


def size(count: int) -> str:
    """Return a file's size as people read it."""
    if count < 1_000:
        return f"{count} B"
    return f"{count / 1_000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def initials(name: str) -> str:
    """Return up to two letters for a name; a mark for a phone number."""
    words = [word for word in name.split() if word[0].isalpha()]
    chosen = [words[0], words[-1]] if len(words) > 1 else words
    return "".join(word[0] for word in chosen).upper() or "#"
