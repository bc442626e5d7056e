"""A value from the instrument with all that is known about it."""

import collections

_Fields = collections.namedtuple("Reading", ("value", "unit", "at", "age_s", "quality", "code"))


class Reading(_Fields):
    """`value, unit, at, age_s, quality, code`.

    `value`    the number, word or switch position; None unless the quality is good or suspect
    `at`       when it was measured: a datetime in UTC
    `age_s`    how old it was when it was asked for, seconds
    `quality`  "good", "suspect", "stale" or "bad"
    `code`     why it is not good, e.g. "no_ack"; None when it is
    """

    __slots__ = ()

    @property
    def ok(self):
        """Whether there is a value to work with."""
        return self.value is not None and self.quality in ("good", "suspect")


def number(value):
    """A float, or None for anything that is not a finite number: NaN never travels further."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    value = float(value)
    return value if value == value and value not in (float("inf"), float("-inf")) else None


def numbers(values):
    """A list of floats with None for what is missing; [] for anything that is not a list."""
    return [number(value) for value in values] if isinstance(values, (list, tuple)) else []
