// Numbers as people read them.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0, roundingMode: "halfEven" }); // as in a terminal
const PREFIXES = [
  [1e18, "E"],
  [1e15, "P"],
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

function whole(value) {
  return WHOLE.format(value);
}

function percent(share) {
  return share === null ? "–" : `${(100 * share).toFixed(1)}%`;
}

/** A score: in percent where it is a share. */
function score(value, isShare = true) {
  if (value === null || value === undefined) return "–";
  return isShare && value >= 0 && value <= 1 ? percent(value) : value.toPrecision(4);
}

function interval(point) {
  return point.low === null ? "–" : `${(100 * point.low).toFixed(1)} to ${(100 * point.high).toFixed(1)}%`;
}

/** `value` in at most three digits with a prefix of the SI. */
function short(value) {
  const [scale, prefix] = PREFIXES.find(([least]) => Math.abs(value) >= least) ?? [1, ""];
  return `${Number((value / scale).toPrecision(3))}${prefix}`;
}

const UNITS = { tokens: whole, FLOPs: short, share: percent, number: (value) => value.toFixed(2) };

/** How a measure of a point is written; `measure` is a row of the payload's table of measures. */
function measured(measure, point) {
  const [value, show] = [point[measure.name], UNITS[measure.unit]];
  if (value === null || value === undefined || !point.n) return "–";
  if (measure.out_of) return point[measure.out_of] ? `${show(value)} of ${show(point[measure.out_of])}` : "–";
  const marked = measure.beside && point.last && value > measure.too_much * point[measure.beside];
  return `${show(value)}${marked ? " !" : ""}`;
}

/** The column of a measure in a table of points. */
function columnOf(measure) {
  return {
    name: heading(measure),
    meaning: measure.meaning,
    value: (row) => row[measure.name] ?? null,
    show: (row) => measured(measure, row),
  };
}

function heading(measure) {
  return measure.label[0].toUpperCase() + measure.label.slice(1);
}

function count(number, noun) {
  return `${whole(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** Round places between `low` and `high`: at most about `most` of them. */
function linearTicks(low, high, most) {
  const rough = (high - low) / Math.max(most, 1);
  const scale = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * scale).find((size) => size >= rough * 0.999);
  const ticks = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place++) ticks.push(place * step);
  return ticks;
}

/** Powers of two between `low` and `high` > 0. */
function doublingTicks(low, high, most) {
  const [first, last] = [Math.ceil(Math.log2(low)), Math.floor(Math.log2(high))];
  const step = 1 + Math.floor((last - first) / Math.max(most, 1));
  const ticks = [];
  for (let power = first; power <= last; power += step) ticks.push(2 ** power);
  return ticks;
}

/** Tokens that an answer costs, on the default axis. */
function billed(answers, place) {
  const kinds = ["thinking", "forced", "answer", "context", "probe", "discarded"];
  return kinds.reduce((sum, kind) => sum + answers[kind][place], 0);
}
