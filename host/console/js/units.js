// Numbers and moments as people read them.

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

const round = (value, digits) => value.toLocaleString("en", { maximumFractionDigits: digits });

/** `12.3`, `1,204` */
export const count = (value) => round(value, value < 100 ? 1 : 0);

/** `64 MiB` */
export function bytes(value) {
  const power = value < 1 ? 0 : Math.min(Math.floor(Math.log2(value) / 10), SIZES.length - 1);
  return `${round(value / 1024 ** power, 1)} ${SIZES[power]}`;
}

/** `3.4 ms`, `1.2 s` */
export function time(seconds) {
  return seconds < 1 ? `${round(seconds * 1000, seconds < 0.01 ? 2 : 0)} ms` : `${round(seconds, 1)} s`;
}

/** A moment in RFC 3339 in the browser's time zone: `2026-11-28 12:34:56`. */
export function moment(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  const two = (number) => String(number).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}
