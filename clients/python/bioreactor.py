"""`from bioreactor import Bioreactor`, as some of the laboratory library's scripts say it."""

from src.bioreactor import Bioreactor

__all__ = ["Bioreactor"]
