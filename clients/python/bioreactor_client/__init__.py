"""Scripts drive a bioreactor with this.

    from bioreactor_client import Bioreactor, measure_all_data, write_data_to_csv

Standard library only, Python 3.9 or later. The README beside this folder has the whole vocabulary.
"""

from .bioreactor import Bioreactor
from .client import BioreactorClient
from .csv_files import write_data_to_csv
from .errors import (
    ApiAway,
    BioreactorError,
    CommandFailed,
    DeviceHeld,
    ExperimentHolding,
    InstrumentStopped,
    JobFailed,
    NotAllowed,
    OutOfRange,
    SensorFault,
    StopIncomplete,
    UnknownComponent,
)
from .experiment import parameters
from .functions import (
    Config,
    balanced_flow,
    measure_all_data,
    measure_and_write_sensor_data,
    pid_controller,
    ring_light_cycle,
    time_scale,
)
from .readings import Reading

__version__ = "0.1.0"

__all__ = [
    "ApiAway",
    "Bioreactor",
    "BioreactorClient",
    "BioreactorError",
    "CommandFailed",
    "Config",
    "DeviceHeld",
    "ExperimentHolding",
    "InstrumentStopped",
    "JobFailed",
    "NotAllowed",
    "OutOfRange",
    "Reading",
    "SensorFault",
    "StopIncomplete",
    "UnknownComponent",
    "balanced_flow",
    "measure_all_data",
    "measure_and_write_sensor_data",
    "parameters",
    "pid_controller",
    "ring_light_cycle",
    "time_scale",
    "write_data_to_csv",
]
