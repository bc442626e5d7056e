"""`Bioreactor` of the laboratory library, on an instrument reached over its API."""

import contextlib
import logging
import os
import time

import bioreactor_client
from bioreactor_client.experiment import output_dir

from .config import Config


class Bioreactor(bioreactor_client.Bioreactor):
    """The client's Bioreactor with the members scripts of the laboratory library use beside it."""

    def __init__(self, config=None, script_path=None, **options):
        super().__init__(config if config is not None else Config(), **options)
        self.script_path = script_path
        self._configure_log()
        known = self.client.get_capabilities()
        switches = getattr(self.config, "INIT_COMPONENTS", {})
        self._initialized = {name for name in known if switches.get(name, True)}
        self.pumps = {
            name: None for name in known.get("pumps", {}).get("available_pumps", [])
        } if "pumps" in self._initialized else {}
        if "ring_light" in self._initialized:
            self.ring_light_driver = RingLightDriver(self)
        if "stirrer" in self._initialized:
            self.change_stirrer(getattr(self.config, "STIRRER_DEFAULT_DUTY", 30.0))
        self.data_path = self._data_path()

    def is_component_initialized(self, component_name):
        return component_name in self._initialized

    @contextlib.contextmanager
    def led_context(self, power=100.0):
        """The LED on for the block; off after it, whatever happens there."""
        self.change_led(power)
        try:
            yield self
        finally:
            self.change_led(False)

    def _data_path(self):
        name = getattr(self.config, "DATA_OUT_FILE", "bioreactor_data.csv")
        if getattr(self.config, "USE_TIMESTAMPED_FILENAME", False):
            name = time.strftime("%Y%m%d_%H%M%S_") + os.path.basename(name)
        return os.path.join(output_dir(), os.path.basename(name))

    def _configure_log(self):
        config, logger = self.config, self.logger
        logger.setLevel(getattr(config, "LOG_LEVEL", "INFO"))
        if logger.handlers:
            return  # a second Bioreactor in one script
        form = logging.Formatter(getattr(config, "LOG_FORMAT", Config.LOG_FORMAT))
        handlers = []
        if getattr(config, "LOG_TO_TERMINAL", True) and not logging.getLogger().handlers:
            handlers.append(logging.StreamHandler())
        name = getattr(config, "LOG_FILE", None)
        if name:
            mode = "w" if getattr(config, "CLEAR_LOG_ON_START", True) else "a"
            path = os.path.join(output_dir(), os.path.basename(name))
            handlers.append(logging.FileHandler(path, mode=mode, encoding="utf-8"))
        for handler in handlers:
            handler.setFormatter(form)
            logger.addHandler(handler)


class RingLightDriver:
    def __init__(self, bioreactor):
        self._bioreactor = bioreactor

    def set_color(self, color, pixel=None):
        self._bioreactor.change_ring_light(color, pixel)

    def off(self):
        self._bioreactor.change_ring_light((0, 0, 0))
