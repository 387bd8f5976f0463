"""How a bad argument is refused: one sentence, the same everywhere."""


def require(**conditions) -> None:
    """Raise a ValueError for the first name=(value, whether it is right, what it must be).

    >>> require(β=(1.2, 1.2 < 1, "in [0, 1)"))
    Traceback (most recent call last):
    ValueError: β=1.2: must be in [0, 1)
    """
    for name, (value, right, permitted) in conditions.items():
        if not right:
            raise ValueError(f"{name}={value!r}: must be {permitted}")
