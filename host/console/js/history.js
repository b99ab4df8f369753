// The readings of the last minutes, and series made of them.

/** How many readings are kept: of five minutes, at one in two seconds. */
const KEPT = 150;

export class History {
  #readings = [];

  /** Adds a reading. */
  add(reading) {
    this.#readings.push(reading);
    if (this.#readings.length > KEPT) this.#readings.shift();
  }

  /** The last reading; undefined before the first. */
  get last() {
    return this.#readings.at(-1);
  }

  /** The values of a gauge: `pick` takes a reading, and returns a number or undefined. */
  values(pick) {
    return this.#readings.map((one) => pick(one) ?? 0);
  }

  /** A counter's increase a second, between readings. A host that has started anew begins at zero. */
  rates(pick) {
    return this.#pairs((before, after, seconds) => {
      const [from, to] = [pick(before) ?? 0, pick(after) ?? 0];
      return (to < from ? to : to - from) / seconds;
    });
  }

  /** A quantile of a histogram between readings, in the unit of its bounds; zero while it has no observations. */
  quantiles(pick, share) {
    return this.#pairs((before, after) => quantile(pick(before), pick(after), share));
  }

  #pairs(make) {
    const pairs = this.#readings.slice(1).map((after, index) => [this.#readings[index], after]);
    return pairs.map(([before, after]) => make(before, after, Math.max(after.at - before.at, 0.001)));
  }
}

/** The quantile of the observations between two states of a histogram, as Prometheus interpolates it. */
function quantile(earlier = new Map(), after = new Map(), share) {
  // A host that has started anew begins at zero.
  const before = after.get(Infinity) < earlier.get(Infinity) ? new Map() : earlier;
  const bounds = [...after.keys()].sort((one, other) => one - other);
  const counts = bounds.map((bound) => Math.max(after.get(bound) - (before.get(bound) ?? 0), 0));
  const total = counts.at(-1) ?? 0;
  if (total === 0) return 0;
  const rank = share * total;
  const index = counts.findIndex((count) => count >= rank);
  const low = index === 0 ? 0 : bounds[index - 1];
  if (bounds[index] === Infinity) return low;
  const below = index === 0 ? 0 : counts[index - 1];
  return low + ((bounds[index] - low) * (rank - below)) / (counts[index] - below);
}
