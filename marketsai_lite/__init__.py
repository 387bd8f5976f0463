"""MarketsAI Lite: economies written once, solved exactly, then learned."""

__version__ = "0.1.0"
