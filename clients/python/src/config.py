"""Settings of the laboratory library that still mean something here.

Pins, addresses and calibrations are the instrument's own configuration; scripts may set them, to no
effect. A component switched off in INIT_COMPONENTS is left out of the measurements.
"""

import copy


class Config:
    LOG_LEVEL = "INFO"
    LOG_FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
    LOG_FILE = "bioreactor.log"
    LOG_TO_TERMINAL = True
    CLEAR_LOG_ON_START = True
    DATA_OUT_FILE = "bioreactor_data.csv"
    USE_TIMESTAMPED_FILENAME = True
    RESULTS_PACKAGE = True
    SENSOR_LABELS = {}
    INIT_COMPONENTS = {
        "i2c": True,
        "temp_sensor": True,
        "peltier_driver": True,
        "stirrer": True,
        "led": True,
        "ring_light": True,
        "optical_density": True,
        "eyespy_adc": True,
        "co2_sensor": True,
        "o2_sensor": True,
        "pumps": True,
        "relays": True,
    }
    PELTIER_MAX_DUTY_HEAT = 70.0
    PELTIER_MAX_DUTY_COOL = 10.0
    STIRRER_DEFAULT_DUTY = 30.0
    EKF_OD_CHANNEL = "135"

    def __init__(self, **values):
        # A script changes its own copy, never the class.
        for name in dir(type(self)):
            if name.isupper():
                setattr(self, name, copy.deepcopy(getattr(type(self), name)))
        for name, value in values.items():
            setattr(self, name, value)
