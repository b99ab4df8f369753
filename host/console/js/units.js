// Numbers and moments as people read them.

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

const round = (value, digits) => value.toLocaleString("en", { maximumFractionDigits: digits });

/** `12.3`, `1,204` */
export const count = (value) => round(value, value < 100 ? 1 : 0);

/** `64 MiB` */
export function bytes(value) {
  let [size, unit] = [value, 0];
  while (Math.round(size * 10) >= 10240 && unit < SIZES.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${round(size, 1)} ${SIZES[unit]}`;
}

/** `3.4 ms`, `1.2 s`, `2 min` */
export function time(seconds) {
  if (seconds < 0.01) return `${round(seconds * 1000, 2)} ms`;
  if (seconds < 0.9995) return `${round(seconds * 1000, 0)} ms`;
  return seconds < 120 ? `${round(seconds, 1)} s` : `${round(seconds / 60, 1)} min`;
}

/** A moment in RFC 3339 in the browser's time zone: `2026-11-28 12:34:56`. */
export function moment(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  const two = (number) => String(number).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}
