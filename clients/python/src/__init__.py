"""The laboratory library's names, for scripts written for a bioreactor on the same machine.

Such scripts begin with ``from src import Bioreactor, Config`` and call functions of ``src.utils`` and
``src.io``. Here these speak to the instrument through bioreactor_client; a new script needs none of them.
"""

from . import utils
from .bioreactor import Bioreactor
from .config import Config

__all__ = ["Bioreactor", "Config", "utils"]
