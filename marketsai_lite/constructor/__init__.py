"""The Economy Constructor: from goods, agents and markets to an economy.

`words` says what a description consists of, `forms` and `mechanisms` what it is written with,
`validate` and `sides` what it must be, `build` how it becomes an economy of the contract, `ledger`
whether its books balance, `rest` where it comes to rest, and `page` what it looks like on paper.
`examples` and `continuum` are economies of the book as descriptions.
"""

from marketsai_lite.constructor.build import Constructed, build
from marketsai_lite.constructor.words import (
    Agents,
    Choice,
    Description,
    Good,
    Market,
    Memory,
    Process,
    Seen,
    Split,
    Stock,
    Technology,
)

__all__ = [
    "Agents",
    "Choice",
    "Constructed",
    "Description",
    "Good",
    "Market",
    "Memory",
    "Process",
    "Seen",
    "Split",
    "Stock",
    "Technology",
    "build",
]
