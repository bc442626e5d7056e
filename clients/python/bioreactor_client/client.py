"""`BioreactorClient`: one method for each HTTP call of the original node."""

from .transport import Api

# Names that guides print and that never existed, with the call that does what was meant.
_MEANT = {
    "read_co2_sensor": "get_co2() of Bioreactor (a number, ppm), or get_co2() of this client (the reply)",
    "read_temperature": "get_temperature()",
    "read_sensors": "get_sensors()",
    "_request": 'the method for that call, e.g. get_sensors() for "/api/sensors/all"',
    "request": 'the method for that call, e.g. get_sensors() for "/api/sensors/all"',
    "set_led": "control_led(state)",
    "set_pump": "control_pump(name, velocity)",
    "set_stirrer": "control_stirrer(duty_cycle)",
    "set_peltier": "control_peltier(power, direction)",
    "set_ring_light": "control_ring_light(color, pixel)",
}


class BioreactorClient:
    """The HTTP calls, each returning the node's reply as a dict.

    Without `api_url` the address comes from BIOREACTOR_NODE_API_URL, the token from EXPERIMENT_TOKEN.
    Every failure is a ConnectionError (see `errors`).
    """

    def __init__(self, api_url=None, *, timeout_s=10.0, patience_s=60.0):
        self.api = Api(api_url, timeout_s=timeout_s, patience_s=patience_s)

    @property
    def api_url(self):
        return self.api.url

    def __getattr__(self, name):
        if name in _MEANT:
            raise AttributeError(
                "BioreactorClient has no %s: use %s" % (name, _MEANT[name]))
        raise AttributeError("BioreactorClient has no %r" % name)

    def _make_request(self, method, endpoint, data=None):
        return self.api.request(method.upper(), endpoint, data)

    def get_status(self):
        return self.api.get("/api/status")

    def get_sensors(self):
        return self.api.get("/api/sensors/all")

    def get_photodiodes(self):
        return self.api.get("/api/sensors/photodiodes", component="optical_density")

    def get_temperature(self):
        return self.api.get("/api/sensors/temperature", component="temp_sensor")

    def get_current(self):
        return self.api.get("/api/sensors/current", component="peltier_current")

    def get_co2(self):
        return self.api.get("/api/v3/co2_sensor/state", component="co2_sensor")

    def get_capabilities(self):
        """What this instrument has: `{component: facts}`."""
        return self.api.get("/api/v3/capabilities")

    def get_state(self, component):
        """The reply of one component's state route, as it is."""
        return self.api.get("/api/v3/%s/state" % component, component=component)

    def control(self, component, body):
        """Sends one command to a component's control route."""
        return self.api.post("/api/v3/%s/control" % component, body, component=component)

    def control_led(self, state):
        return self.api.post("/api/led", {"state": bool(state)}, component="led")

    def control_ring_light(self, color, pixel=None):
        red, green, blue = color
        body = {"red": red, "green": green, "blue": blue}
        if pixel is not None:
            body["pixel_index"] = pixel
        return self.api.post("/api/ring-light", body, component="ring_light")

    def control_peltier(self, power, direction):
        """`direction`: "heat" or "cool"; True (heat) and False (cool) are understood too."""
        if direction not in ("heat", "cool", "forward", "reverse", True, False):
            raise ValueError('Cannot set the peltier to %r: it must be "heat" or "cool"' % (direction,))
        body = {"power": power, "forward": direction in ("heat", "forward", True)}
        return self.api.post("/api/peltier", body, component="peltier_driver")

    def control_pump(self, name, velocity):
        body = {"name": name, "velocity": velocity}
        return self.api.post("/api/pump", body, component="pumps/%s" % name)

    def control_stirrer(self, duty_cycle):
        return self.api.post("/api/stirrer", {"duty_cycle": duty_cycle}, component="stirrer")
