"""An estimate as its readers see it: rounded, with units. The site's calculator shows the same to the digit."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from gb10docs.models.roofline.estimate import NO_ROOM, Estimate

ROUTING = (
    "Every expert is taken to be as likely as any other. Real routers have favourites and read less, "
    "so a batch on a mixture of experts can pass this ceiling."
)


def number(value: float, digits: int = 0) -> str:
    """A positive number with so many decimals, ties upwards, thousands set off by commas."""
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return f"{rounded:,}"


def shown(made: Estimate) -> dict[str, str]:
    """Everything that the terminal and the calculator show, by its name."""
    low, high = made.expected_tok_s
    experts = f"{number(made.experts_touched, 1)} of {made.model.experts}" if made.model.experts else ""
    return {
        "weights": _gigabytes(made.weight_bytes),
        "cache": _gigabytes(made.cache_bytes),
        "cache_per_token": _per_token(made),
        "overhead": _gigabytes(made.overhead_bytes),
        "needed": _gigabytes(made.needed_bytes),
        "memory": _gigabytes(made.machine.memory_bytes),
        "verdict": made.verdict,
        "read": _gigabytes(made.bytes_per_step),
        "read_per_token": _gigabytes(made.bytes_per_token),
        "experts": experts,
        "ceiling": f"{number(made.ceiling_tok_s, 1)} tok/s",
        "ceiling_each": f"{number(made.ceiling_each_tok_s, 1)} tok/s",
        "limit": made.limit,
        "expected": f"{number(low, 1)} to {number(high, 1)} tok/s" if made.verdict != NO_ROOM else "",
        "prefill": f"{number(made.prefill_tok_s)} tok/s",
        "prefill_time": f"{number(made.prefill_s, 2)} s",
    }


def _per_token(made: Estimate) -> str:
    """What a token adds: while there are windows, only so long as they are not full."""
    first, then = made.cache_bytes_per_token, made.cache_bytes_per_token_beyond
    told = f"{number(first)} bytes a token"
    if then != first:
        told += f" up to {number(made.model.window)}, then {number(then)}"
    if made.model.state_bytes:
        told += f", and {number(made.model.state_bytes / 1e6, 1)} MB a sequence"
    return told


def assumptions(made: Estimate) -> list[str]:
    """What an estimate takes for granted, in sentences."""
    model, machine = made.model, made.machine
    bandwidth, memory, reserved = machine.bandwidth_gb_s, machine.memory_gb, machine.reserved_gb
    arithmetic = machine.tflops.get(made.format.arithmetic, machine.tflops[16])
    each = "" if machine.devices == 1 else " each"
    told = [
        *model.notes,
        f"{made.format.title}: {made.format.stays}.",
        f"Bandwidth: {bandwidth.value:g} GB/s{each} ({bandwidth.kind}: {bandwidth.note}).",
        f"Arithmetic: {arithmetic.value:g} TFLOPS{each} ({arithmetic.kind}: {arithmetic.note}).",
        f"Memory: {memory.value:g} GB{each} ({memory.kind}: {memory.note}).",
        f"Of it {reserved.value:g} GB{each} for the system ({reserved.kind}: {reserved.note}).",
        "The overhead of an engine is our estimate.",
    ]
    if made.verdict != NO_ROOM:
        told.append("Expected is 60 to 85 % of the ceiling, where most published speeds lie.")
    if machine.note:
        told.append(f"{machine.title}: {machine.note}.")
    if model.experts and made.batch > 1:
        told.append(ROUTING)
    if 0 < model.positions < made.context:
        told.append(f"{model.name} was made for {number(model.positions)} tokens: this context is longer.")
    return told


def sources(made: Estimate) -> dict[str, str]:
    """Return where the figures come from, by what they are of."""
    machine = made.machine
    arithmetic = machine.tflops.get(made.format.arithmetic, machine.tflops[16])
    told = {
        "shape": made.model.source,
        "format": made.format.source,
        "memory": machine.memory_gb.source,
        "bandwidth": machine.bandwidth_gb_s.source,
        "arithmetic": arithmetic.source,
    }
    return {of: source for of, source in told.items() if source}


def _gigabytes(size: float) -> str:
    return f"{number(size / 1e9, 2)} GB"
