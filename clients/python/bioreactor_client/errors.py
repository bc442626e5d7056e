"""What can go wrong, as exceptions. All are ConnectionErrors, which older scripts catch."""


class BioreactorError(ConnectionError):
    """A call to the instrument failed. The message says what was tried and what was found.

    `component`  what was asked: "co2_sensor", "pumps/inflow"; None where it was none in particular
    `code`       short and stable: "api_away", "device_held", "out_of_range", "no_ack", ...
    `status`     the HTTP status, or None when no answer came
    `last_good`  the last good Reading of that component in this script, or None
    """

    def __init__(self, message, *, component=None, code="failed", status=None, last_good=None):
        super().__init__(message)
        self.component = component
        self.code = code
        self.status = status
        self.last_good = last_good

    def __reduce__(self):
        return _rebuild, (type(self), str(self), self.__dict__.copy())


def _rebuild(kind, message, state):
    error = kind(message)
    error.__dict__.update(state)
    return error


class ApiAway(BioreactorError):
    """The instrument's API could not be reached, or gave no answer in time.

    With code "api_away" nothing reached it. With code "no_answer" the call was sent: a command may
    have been carried out. It is never sent twice.
    """


class DeviceHeld(BioreactorError):
    """Somebody else holds the device; the message names the holder."""


class ExperimentHolding(DeviceHeld):
    """The experiment is held. Commands wait for the release; only those told not to wait raise this."""


class InstrumentStopped(BioreactorError):
    """STOP was pressed: every device is in its safe state until it is cleared."""


class OutOfRange(BioreactorError, ValueError):
    """A value the device does not accept. Nothing was changed."""


class UnknownComponent(BioreactorError, LookupError):
    """This instrument has no such component, pump, relay or route."""


class SensorFault(BioreactorError):
    """The sensor gave no good value; `code` says why, `last_good` holds the last one."""


class NotAllowed(BioreactorError):
    """The token does not allow this: a script may drive its own experiment's devices only."""


class CommandFailed(BioreactorError):
    """The device refused or failed the command."""


class StopIncomplete(BioreactorError):
    """`stop_all` tried everything and something did not stop; `failures` says what.

    The runtime brings every device of the experiment to its end state when the script ends.
    """

    def __init__(self, message, failures=(), **more):
        super().__init__(message, **more)
        self.failures = list(failures)


class JobFailed(BioreactorError):
    """A job of `run` failed too many times in a row and was ended."""


_KINDS = {
    "api_away": ApiAway,
    "device_held": DeviceHeld,
    "stale_fence": DeviceHeld,
    "experiment_holding": ExperimentHolding,
    "instrument_stopped": InstrumentStopped,
    "out_of_range": OutOfRange,
    "invalid_request": OutOfRange,
    "login_required": NotAllowed,
    "forbidden": NotAllowed,
    "not_found": UnknownComponent,
    "device_unknown": UnknownComponent,
    "component_missing": UnknownComponent,
}


def from_reply(status, reply, *, asked, component=None, last_good=None):
    """The exception for an HTTP reply of 400 or more. `reply` is the parsed body, or text."""
    detail, code = None, None
    if isinstance(reply, dict):
        code = reply.get("code")
        detail = reply.get("detail")
        if isinstance(detail, list):  # the originals' validation errors
            detail = "; ".join(_validation_line(item) for item in detail)
            code = code or "invalid_request"
        detail = detail or reply.get("message") or reply.get("title")
    elif isinstance(reply, str) and reply.strip():
        detail = reply.strip().splitlines()[0][:300]
    if not isinstance(code, str):
        code = {404: "not_found", 409: "conflict", 422: "invalid_request"}.get(
            status, "http_%d" % status
        )
    if asked.startswith("GET"):
        other = SensorFault if component is not None else BioreactorError
    else:
        other = CommandFailed
    kind = _KINDS.get(code, other)
    return kind(
        "%s: %s" % (asked, detail or "HTTP status %d" % status),
        component=component,
        code=code,
        status=status,
        last_good=last_good,
    )


def _validation_line(item):
    if not isinstance(item, dict):
        return str(item)
    where = ".".join(str(part) for part in item.get("loc", ()) if part not in ("body", "query"))
    return "%s: %s" % (where, item.get("msg", "")) if where else str(item.get("msg", item))
