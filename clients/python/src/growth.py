"""Kalman filters on the optical density, in the two forms the laboratory library knows."""

import math


class GrowthFilter:
    """State [OD, r], r the growth factor of one cycle (after Hoffmann et al. 2017).

    `noise` is the variance of one OD measurement, `drift` that of the growth factor per cycle.
    While pumps run and for `distrust` cycles after, the OD follows the measurement alone.
    """

    def __init__(self, od, noise, drift, factor=1.0, od_variance=None, factor_variance=0.0005 ** 2,
                 distrust=10, distrust_variance=None):
        self.od, self.factor = od, factor
        self.noise, self.drift = noise, drift
        self.p00 = noise if od_variance is None else od_variance
        self.p01, self.p11 = 0.0, factor_variance
        self.distrust = distrust
        self.distrust_variance = 10 * noise if distrust_variance is None else distrust_variance
        self._distrusted = 0

    def step(self, measured, pumping):
        """One cycle with its measurement."""
        od, factor = self.od * self.factor, self.factor
        # P' = F P F^T + diag(0, drift), F = [[factor, od], [0, 1]]
        f, x = self.factor, self.od
        p00 = f * f * self.p00 + 2 * f * x * self.p01 + x * x * self.p11
        p01 = f * self.p01 + x * self.p11
        p11 = self.p11 + self.drift
        self._distrusted = self.distrust if pumping else max(0, self._distrusted - 1)
        if pumping or self._distrusted:
            p00, p01, od = self.distrust_variance, 0.0, measured
        surprise = measured - od
        gain0, gain1 = p00 / (p00 + self.noise), p01 / (p00 + self.noise)
        before = self.od
        self.od, self.factor = od + gain0 * surprise, factor + gain1 * surprise
        self.p00, self.p01, self.p11 = (1 - gain0) * p00, (1 - gain0) * p01, p11 - gain1 * p01
        if abs(surprise) > 5 * math.sqrt(self.noise):
            self.p01, self.p00 = 0.0, (before - measured) ** 2

    def doubling_s(self, cycle_s):
        """Doubling time and its standard deviation, seconds; infinite without growth."""
        if self.factor <= 1:
            return math.inf, math.inf
        rate = math.log(self.factor)
        spread = cycle_s * math.log(2) * math.sqrt(max(0.0, self.p11)) / (self.factor * rate * rate)
        return cycle_s * math.log(2) / rate, spread


class ExtendedKalmanFilter:
    """State [biomass, growth rate per hour] under a dilution rate per hour; `dt` in seconds."""

    def __init__(self, initial_biomass=0.1, initial_growth_rate=0.5, process_noise_biomass=1e-4,
                 process_noise_growth_rate=1e-5, measurement_noise=1e-3, dt=1.0):
        self.x = [float(initial_biomass), float(initial_growth_rate)]
        self.P = [[0.1, 0.0], [0.0, 0.1]]
        self.Q = (process_noise_biomass, process_noise_growth_rate)
        self.R = measurement_noise
        self.dt = dt / 3600.0

    def predict(self, dilution_per_h):
        biomass, rate = self.x
        a, b = 1 + (rate - dilution_per_h) * self.dt, biomass * self.dt
        (p00, p01), (_, p11) = self.P
        self.x = [biomass + (rate - dilution_per_h) * biomass * self.dt, rate]
        cross = a * p01 + b * p11
        self.P = [
            [a * a * p00 + 2 * a * b * p01 + b * b * p11 + self.Q[0], cross],
            [cross, p11 + self.Q[1]],
        ]

    def update(self, measurement):
        (p00, p01), (_, p11) = self.P
        gain0, gain1 = p00 / (p00 + self.R), p01 / (p00 + self.R)
        surprise = measurement - self.x[0]
        self.x = [self.x[0] + gain0 * surprise, self.x[1] + gain1 * surprise]
        self.P = [[(1 - gain0) * p00, (1 - gain0) * p01], [(1 - gain0) * p01, p11 - gain1 * p01]]

    def get_state(self):
        return self.x[0], self.x[1]
