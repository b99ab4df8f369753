// The gauges of one component.

import { gauge, gauges } from "./gauge.js";
import { bytes, count, time } from "./units.js";

/** Makes the gauges. `show(history)` draws them. */
export function componentGauges(name) {
  const all = {
    requests: gauge("Requests a second"),
    errors: gauge("Errors a second"),
    latency: gauge("Latency, 95th percentile"),
    memory: gauge("Memory held"),
    cpu: gauge("Processor"),
    database: gauge("Database"),
    tokens: gauge("Tokens a second"),
    limits: gauge("Limits reached"),
  };
  return {
    node: gauges(...Object.values(all)),
    show(history) {
      const of = (key) => (reading) => reading.components.get(name)?.[key];
      const draw = (one, values, inWords) => one.show(values, inWords(values.at(-1) ?? 0));
      draw(all.requests, history.rates(of("requests")), count);
      draw(all.errors, history.rates(of("errors")), count);
      draw(all.latency, history.quantiles(of("durations"), 0.95), (value) => (value === 0 ? "–" : time(value)));
      draw(all.memory, history.values(of("memory")), bytes);
      draw(all.cpu, history.rates(of("cpu")), aSecond);
      draw(all.database, history.rates(of("database")), aSecond);
      draw(all.tokens, history.rates(of("tokens")), count);
      draw(all.limits, history.values((reading) => sum(of("limits")(reading))), count);
    },
  };
}

/** A time in each second, such as that of a busy processor. */
const aSecond = (seconds) => `${time(seconds)} a second`;

const sum = (numbers = new Map()) => [...numbers.values()].reduce((total, one) => total + one, 0);
