// Curves: accuracy against compute, one line a strategy.

const COLOURS = 7;
const MARKERS = ["circle", "square", "triangle", "diamond", "cross"];
const MARGIN = { top: 14, right: 18, bottom: 46, left: 56 };

function marker(shape, x, y, size, colour) {
  const [r, paint] = [size, { fill: colour, stroke: "var(--card)", "stroke-width": 1 }];
  const polygon = (...places) =>
    svg("polygon", { points: places.map(([dx, dy]) => `${x + dx * r},${y + dy * r}`).join(" "), ...paint });
  if (shape === "circle") return svg("circle", { cx: x, cy: y, r, ...paint });
  if (shape === "square") return polygon([-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]);
  if (shape === "triangle") return polygon([0, -1.15], [1.1, 0.85], [-1.1, 0.85]);
  if (shape === "diamond") return polygon([0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]);
  const d = `M${x - r},${y - r}L${x + r},${y + r}M${x - r},${y + r}L${x + r},${y - r}`;
  return svg("path", { d, stroke: colour, "stroke-width": 2.5, fill: "none" });
}

/** How a line looks: told apart by marker and, from the sixth on, dashes too, so also without colours. */
function look(index) {
  return {
    colour: `var(--c${index % COLOURS})`,
    shape: MARKERS[index % MARKERS.length],
    dash: index < MARKERS.length ? null : "6 3",
  };
}

function amount(axis, point) {
  return Object.entries(axis.weights).reduce((sum, [cost, weight]) => sum + weight * point[cost], 0);
}

function padded(low, high, share) {
  const margin = (high - low) * share || Math.abs(high) * share || share;
  return [low - margin, high + margin];
}

/** The scales of a chart of `points`: functions from values to pixels, and their ticks. */
function scales(points, axis, log, width, height) {
  const xs = points.map((point) => amount(axis, point)).map((x) => (log ? Math.log2(Math.max(x, 1)) : x));
  const [xLow, xHigh] = padded(Math.min(...xs), Math.max(...xs), 0.05);
  const ys = points.flatMap((point) => [point.accuracy, point.low ?? point.accuracy, point.high ?? point.accuracy]);
  let [yLow, yHigh] = padded(Math.min(...ys), Math.max(...ys), 0.04);
  if (points.every((point) => point.low !== null)) [yLow, yHigh] = [Math.max(0, yLow), Math.min(1, yHigh)];
  const across = width - MARGIN.left - MARGIN.right;
  const down = height - MARGIN.top - MARGIN.bottom;
  const most = Math.max(2, Math.floor(across / 90));
  const doublings = log && xHigh - xLow > 1;
  const ticks = log
    ? doublings
      ? doublingTicks(2 ** xLow, 2 ** xHigh, most)
      : linearTicks(2 ** xLow, 2 ** xHigh, most)
    : linearTicks(Math.max(0, xLow), xHigh, most);
  return {
    x: (value) => MARGIN.left + (across * ((log ? Math.log2(Math.max(value, 1)) : value) - xLow)) / (xHigh - xLow),
    y: (value) => MARGIN.top + down * (1 - (value - yLow) / (yHigh - yLow)),
    xTicks: ticks,
    yTicks: linearTicks(yLow, yHigh, 6),
  };
}

function frame(scale, axis, log, width, height, isShare) {
  const [bottom, right] = [height - MARGIN.bottom, width - MARGIN.right];
  const label = (x) => (x < 16384 ? whole(x) : short(x));
  return [
    ...scale.yTicks.flatMap((y) => [
      svg("line", { class: "grid", x1: MARGIN.left, x2: right, y1: scale.y(y), y2: scale.y(y) }),
      svg(
        "text",
        { x: MARGIN.left - 8, y: scale.y(y) + 4, "text-anchor": "end" },
        isShare ? `${Number((100 * y).toFixed(1))}%` : short(y),
      ),
    ]),
    ...scale.xTicks.flatMap((x) => [
      svg("line", { class: "grid", x1: scale.x(x), x2: scale.x(x), y1: MARGIN.top, y2: bottom }),
      svg("text", { x: scale.x(x), y: bottom + 18, "text-anchor": "middle" }, label(x)),
    ]),
    svg("line", { class: "base", x1: MARGIN.left, x2: right, y1: bottom, y2: bottom }),
    svg(
      "text",
      { class: "axis-title", x: (MARGIN.left + right) / 2, y: height - 8, "text-anchor": "middle" },
      axis.label + (log ? ", log2" : ""),
    ),
  ];
}

function facts(point, measures) {
  return [
    ["Accuracy", score(point.accuracy)],
    ["95% interval", interval(point)],
    ...measures.map((measure) => [heading(measure), measured(measure, point)]),
    ["Problems", whole(point.n)],
  ].filter(([, value]) => value !== "–");
}

/**
 * Draws `lines` ({name, index, points}) into `host` over `axis` ({label, weights}), with a tip that tells `measures`
 * of the point that is hovered or has the focus.
 */
function drawChart(host, lines, axis, log, measures) {
  const width = Math.max(280, host.clientWidth - 12);
  const height = Math.round(Math.min(430, Math.max(280, width * 0.52)));
  const all = lines.flatMap((line) => line.points);
  if (!all.length) {
    host.replaceChildren(el("p", { class: "quiet" }, "No line is shown: choose one above."));
    return;
  }
  const isShare = all.every((point) => point.low !== null);
  const scale = scales(all, axis, log, width, height);
  const spots = lines.map((line) => line.points.map((point) => spot(line, point, scale, axis, measures)));
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Accuracy against compute" },
    frame(scale, axis, log, width, height, isShare),
    lines.map((line, place) => path(line, spots[place])),
    spots.flat().map((at) => at.node),
  );
  const tip = el("div", { class: "tip", hidden: true });
  const stage = el("div", {}, picture, tip); // listens in the place of the picture, which would become a tab stop
  host.replaceChildren(stage);
  follow(stage, picture, tip, spots, width);
}

function spot(line, point, scale, axis, measures) {
  const [x, y] = [scale.x(amount(axis, point)), scale.y(point.accuracy)];
  const style = look(line.index);
  const told = facts(point, measures);
  const said = told
    .slice(0, 3)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
  const node = svg(
    "g",
    { class: "point", role: "img", tabindex: -1, "aria-label": `${line.name}, rung ${point.rung}: ${said}` },
    point.low === null
      ? []
      : svg("line", {
          x1: x,
          x2: x,
          y1: scale.y(point.low),
          y2: scale.y(point.high),
          stroke: style.colour,
          "stroke-width": 1.5,
          opacity: 0.5,
        }),
    svg("circle", { class: "halo", cx: x, cy: y, r: 10 }),
    marker(style.shape, x, y, line.points.length > 12 ? 3.6 : 5, style.colour),
  );
  return { line, point, x, y, node, told };
}

function path(line, spots) {
  const style = look(line.index);
  const [first, ...rest] = spots;
  return svg("path", {
    d: `M${first.x},${first.y}` + rest.map((at) => `L${at.x},${at.y}`).join(""),
    fill: "none",
    stroke: style.colour,
    "stroke-width": 2,
    "stroke-dasharray": style.dash,
    "stroke-linejoin": "round",
  });
}

/** Hover and arrow keys: one point is the chart's tab stop, and the tip tells of the point it stands at. */
function follow(stage, picture, tip, spots, width) {
  let lit = null;
  const light = (at) => {
    lit?.node.classList.remove("lit");
    lit = at;
    tip.hidden = !at;
    if (!at) return;
    at.node.classList.add("lit");
    const same = spots.flat().filter((other) => other !== at && Math.hypot(other.x - at.x, other.y - at.y) < 3);
    tip.replaceChildren(
      ...[at, ...same].map((one) => el("strong", {}, inline(`${one.line.name}, rung ${one.point.rung}`))),
      el(
        "dl",
        {},
        at.told.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
      ),
    );
    const left = at.x + 18 + tip.offsetWidth > width ? at.x - tip.offsetWidth - 8 : at.x + 18;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, at.y - tip.offsetHeight - 6)}px`;
  };
  stage.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) * width) / box.width, ((event.clientY - box.top) * width) / box.width];
    const near = spots
      .flat()
      .map((at) => [Math.hypot(at.x - x, at.y - y), at])
      .sort((a, b) => a[0] - b[0])[0];
    const under = spots.flat().find((at) => at.node === event.target.closest(".point"));
    light(near[0] < 30 ? near[1] : (under ?? null));
  });
  stage.addEventListener("pointerleave", () => light(null));
  const places = new Map(spots.flatMap((line, row) => line.map((at, column) => [at.node, [row, column]])));
  spots[0][0].node.setAttribute("tabindex", 0);
  stage.addEventListener("focusin", (event) => {
    const [row, column] = places.get(event.target);
    for (const at of spots.flat()) at.node.setAttribute("tabindex", at.node === event.target ? 0 : -1);
    light(spots[row][column]);
  });
  stage.addEventListener("focusout", () => light(null));
  stage.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (event.key === "Escape") light(null);
    if (!step || !places.has(event.target)) return;
    event.preventDefault();
    const [row, column] = places.get(event.target);
    const next = spots[(row + step[0] + spots.length) % spots.length];
    next[Math.min(Math.max(column + step[1], 0), next.length - 1)].node.focus();
  });
}
