"""What the original node never offered: relays, doses, every reading with its age and quality."""

import datetime
import threading
import time
import urllib.parse
import uuid

from . import errors, scaled_time
from .readings import Reading, number


class Native:
    """Devices by the names scripts use, over the runtime's own API."""

    def __init__(self, api):
        self.api = api
        self._lock = threading.Lock()
        self._ids = None  # {(component, name): device id}

    # ---------------------------------------------------------------------------------- relays

    def relay_state(self, name):
        device, label = self._find("relays", name)
        return "closed" if self._closed(self._view(device, label), label) else "open"

    def change_relay(self, name, state):
        device, label = self._find("relays", name)
        if isinstance(state, bool):
            state = "closed" if state else "open"
        if state == "toggle":
            closed = not self._closed(self._view(device, label), label)
        elif state in ("open", "closed"):
            closed = state == "closed"
        else:
            raise errors.OutOfRange(
                'Cannot set %s to %r: it must be "open", "closed" or "toggle"' % (label, state),
                component=label, code="out_of_range")
        self._command(device, label, "set", {"closed": closed})
        return "closed" if closed else "open"

    def relay_dose(self, name, seconds):
        device, label = self._find("relays", name)
        self._command(device, label, "pulse", {"seconds": float(seconds)})
        self._await_end(device, label, float(seconds), self._relay_rests)

    def rest_relays(self, timeout_s):
        """Opens every relay; what failed comes back as `(name, error)`."""
        failures = []
        try:
            views = self._views(timeout_s=timeout_s, patience_s=0.0)
        except errors.UnknownComponent:
            return []  # an original node: it has no relays to ask for
        except errors.BioreactorError as error:
            return [("relays", error)]
        for view in views:
            capability = view.get("capability", {})
            if capability.get("component") != "relays":
                continue
            label = "relays/%s" % _name(capability)
            try:
                self._command(
                    capability.get("deviceId"), label, "set", {"closed": False},
                    timeout_s=timeout_s, patience_s=0.0)
            except (errors.DeviceHeld, errors.NotAllowed, errors.InstrumentStopped):
                pass  # somebody else's, or open already
            except errors.BioreactorError as error:
                failures.append((label, error))
        return failures

    @staticmethod
    def _relay_rests(view):
        return not Native._closed(view, "relay")

    @staticmethod
    def _closed(view, label):
        readback = (view.get("state") or {}).get("readback") or {}
        if isinstance(readback.get("closed"), bool):
            return readback["closed"]
        for reading in view.get("readings", ()):
            if reading.get("channel") == "closed" and isinstance(reading.get("value"), bool):
                return reading["value"]
        raise errors.SensorFault(
            "Cannot tell whether %s is closed: it does not report" % label,
            component=label, code="no_value")

    # ----------------------------------------------------------------------------------- doses

    def dose(self, pump, ml, ml_per_sec=None):
        device, label = self._find("pumps", pump)
        args = {"volume": float(ml)}
        if ml_per_sec is not None:
            args["flow"] = float(ml_per_sec)
        view = self._command(device, label, "dose", args)
        # How long it takes is the pump's to say; the flow it runs at is in its answer.
        flow = number((view.get("setpoint") or {}).get("flow")) or ml_per_sec or 0.01
        self._await_end(device, label, float(ml) / float(flow), self._dose_rests)
        done = ((self._view(device, label).get("state") or {}).get("readback") or {}).get("dose") or {}
        done_ml = number(done.get("done_ml"))
        if done_ml is not None and done_ml < float(ml) * 0.99:
            raise errors.CommandFailed(
                "The dose of %g ml by %s ended after %g ml" % (ml, label, done_ml),
                component=label, code="dose_cut_short")
        return done_ml if done_ml is not None else float(ml)

    @staticmethod
    def _dose_rests(view):
        readback = (view.get("state") or {}).get("readback") or {}
        dose = readback.get("dose")
        if isinstance(dose, dict) and isinstance(dose.get("running"), bool):
            return not dose["running"]
        return number(readback.get("flow")) == 0.0

    def _await_end(self, device, label, seconds, rests):
        """Waits for a timed act of the device, which ends it by itself. Time is the script's."""
        # True time bounds the wait: a rehearsal's instrument may run slower than its script.
        deadline = scaled_time.real_monotonic() + seconds * 1.25 + 10.0
        time.sleep(seconds)
        while not rests(self._view(device, label)):
            if scaled_time.real_monotonic() > deadline:
                raise errors.CommandFailed(
                    "%s should have come to rest after %g s and has not" % (label, seconds),
                    component=label, code="timeout")
            scaled_time.real_sleep(0.1)

    # -------------------------------------------------------------------------------- readings

    def get_all(self, max_age_s=None):
        now_ms = scaled_time.real_time() * 1000.0
        found = {}
        for view in self._views():
            for raw in view.get("readings", ()):
                key = "%s.%s" % (raw.get("deviceId"), raw.get("channel"))
                found[key] = _reading(raw, now_ms, max_age_s)
        return found

    # ---------------------------------------------------------------------------------- inside

    def _views(self, **options):
        reply = self.api.get("/api/v1/devices", **options)
        views = reply.get("devices", []) if isinstance(reply, dict) else reply
        with self._lock:
            self._ids = {
                (view["capability"]["component"], _name(view["capability"])):
                    view["capability"]["deviceId"]
                for view in views
            }
        return views

    def _find(self, component, name):
        label = "%s/%s" % (component, name)
        for fresh in (False, True):
            with self._lock:
                ids = self._ids
            if ids is None or fresh:
                self._views()
                with self._lock:
                    ids = self._ids
            if (component, name) in ids:
                return ids[(component, name)], label
            for (kind, _), device in ids.items():
                if kind == component and device == name:
                    return device, label
        known = sorted(one for kind, one in ids if kind == component)
        raise errors.UnknownComponent(
            'This instrument has no %s "%s": it has %s' % (
                component.rstrip("s"), name, ", ".join(known) or "none"),
            component=label, code="device_unknown")

    def _view(self, device, label):
        return self.api.get(
            "/api/v1/devices/%s" % urllib.parse.quote(device, safe=""), component=label)

    def _command(self, device, label, op, args, **options):
        return self.api.post(
            "/api/v1/devices/%s/commands" % urllib.parse.quote(device, safe=""),
            {"op": op, "args": args},
            component=label,
            headers={"Idempotency-Key": uuid.uuid4().hex},
            **options
        )


def _name(capability):
    """What scripts call it: "inflow", "relay_1"; a device without such a name goes by its id."""
    facts = capability.get("facts") or {}
    for key in ("pump_name", "relay_name", "name"):
        if isinstance(facts.get(key), str):
            return facts[key]
    return capability.get("deviceId")


def _reading(raw, now_ms, max_age_s):
    at_ms = number(raw.get("atMs")) or 0.0
    age_s = max(0.0, (now_ms - at_ms) / 1000.0)
    value, quality, code = raw.get("value"), raw.get("quality"), raw.get("code")
    if quality not in ("good", "suspect"):
        value = None
    elif max_age_s is not None and age_s > max_age_s:
        value, quality = None, "stale"
    at = datetime.datetime.fromtimestamp(at_ms / 1000.0, datetime.timezone.utc)
    return Reading(value, raw.get("unit") or "", at, age_s, quality, code)
