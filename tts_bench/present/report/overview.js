// What stands above the traces: facts, the first and last rung of each line, curves, the table, the runs' headers.

const SHOWN = [
  [
    "Model",
    ({ model }) => {
      const hash = (model?.fingerprint ?? "?").slice(0, 12);
      return `${model?.name ?? "?"} (sha256 ${hash}, context ${model?.context ?? "?"})`;
    },
  ],
  ["Source", (head) => head.model?.source],
  ["Notes", (head) => head.model?.notes?.join("; ")],
  ["Thinking format", (head) => head.thinking_format && `${head.thinking_format.name}, ${head.thinking_format.mode}`],
  ["Sampling", (head) => head.sampling && worded(head.sampling.thinking)],
  [
    "Budgets",
    (head) =>
      head.max_thinking_tokens &&
      `${whole(head.max_thinking_tokens)} tokens of thinking, ${whole(head.max_answer_tokens)} of answer`,
  ],
  ["Seed", (head) => head.seed],
  [
    "Engine",
    (head) =>
      head.engine && `${head.engine.name}; ${head.engine.exact ? "exact" : "not exact"}: ${head.engine.exact_note}`,
  ],
  [
    "Data",
    (head) =>
      Object.entries(head.data ?? {})
        .map(
          ([name, data]) =>
            `${name}: ${count(data.documents, "problem")}, ${data.source}, sha256 ${data.sha256.slice(0, 12)}`,
        )
        .join("; "),
  ],
  [
    "Hardware",
    (head) =>
      head.hardware && `${head.hardware.processor}, ${count(head.hardware.cores, "core")}, ${head.hardware.system}`,
  ],
  [
    "Time",
    (head) =>
      head.timing &&
      `${whole(head.timing.generation_seconds)} s generating, ${whole(head.timing.scoring_seconds)} s scoring`,
  ],
  ["Versions", (head) => worded(head.versions)],
];

function worded(settings) {
  return Object.entries(settings ?? {})
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}

/** The lines of a report: {name, task, panel, index, points}; colours follow the order of names. */
function linesOf(report) {
  if (report.verdicts.pooled) return pooledLines(report.verdicts.points);
  const lines = new Map();
  report.runs.forEach((run, place) => {
    for (const point of run.points) {
      const key = JSON.stringify([place, point.task, point.strategy]);
      if (!lines.has(key))
        lines.set(key, {
          name: report.lineName(place, point.strategy),
          task: point.task,
          panel: point.task,
          points: [],
        });
      lines.get(key).points.push(point);
    }
  });
  const names = [...new Set([...lines.values()].map((line) => line.name))];
  return [...lines.values()].map((line) => ({ ...line, index: names.indexOf(line.name) }));
}

/** Those of a study: seeds taken together, a panel for each task and model, one colour for a strategy everywhere. */
function pooledLines(points) {
  const lines = new Map();
  for (const point of points) {
    const { strategy: name, task, panel, place: index } = point;
    const key = JSON.stringify([panel, name]);
    if (!lines.has(key)) lines.set(key, { name, task, panel, index, points: [] });
    lines.get(key).points.push(point);
  }
  return [...lines.values()];
}

function showFacts(report, lines) {
  const { records } = report;
  const problems = new Set(records.doc.map((doc, record) => `${records.task[record]}/${doc}/${records.repeat[record]}`))
    .size;
  const failed = records.error.filter((error) => error >= 0).length;
  const facts = [
    [report.runs.length, "run"],
    [report.tasks.length, "task"],
    [report.strategies.length, "strategy", "strategies"],
    [problems, "problem"],
    [report.size, "trace"],
    [failed, "error"],
  ];
  byId("facts").replaceChildren(
    ...facts.map(([number, noun, nouns]) =>
      el("div", { class: "card fact" }, el("b", {}, whole(number)), number === 1 ? noun : (nouns ?? `${noun}s`)),
    ),
  );
  const notes = [...report.notes];
  if (report.texts_note) notes.push(report.texts_note);
  byId("notes").replaceChildren(...notes.map((note) => el("p", { class: "notice" }, inline(note))));
  byId("subtitle").replaceChildren(
    ...report.runs.flatMap((run, place) => [
      ...(place ? [", "] : []),
      inline(`${run.name} (${run.header.model?.name ?? "unknown model"})`),
    ]),
  );
  const rows = lines
    .filter((line) => line.points[0].n)
    .map((line) => {
      const best = line.points.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
      return { line, first: line.points[0], best, last: line.points.at(-1) };
    });
  byId("glance").replaceChildren(
    sortable(
      "First and last rung of each line",
      [
        { name: "Task", words: true, value: (row) => row.line.task, show: (row) => row.line.task },
        { name: "Strategy", words: true, long: true, value: (row) => row.line.name, show: (row) => row.line.name },
        {
          name: "First rung",
          value: (row) => row.first.accuracy,
          show: (row) => `${score(row.first.accuracy)} (${interval(row.first)})`,
        },
        {
          name: "Last rung",
          value: (row) => row.last.accuracy,
          show: (row) => `${score(row.last.accuracy)} (${interval(row.last)})`,
        },
        { name: "Change", value: change, show: (row) => signed(100 * change(row)) },
        {
          name: "Tokens",
          value: (row) => row.last.generated,
          show: (row) => `${whole(row.first.generated)} to ${whole(row.last.generated)}`,
        },
      ],
      rows,
    ),
  );
}

/** What `tts-bench compare` says of these runs. */
function showVerdicts(report) {
  const { sentences, reading, points } = report.verdicts;
  byId("verdicts").replaceChildren(
    el("h3", {}, "What the data support"),
    ...(sentences.length ? [el("ul", {}, sentences.map((sentence) => el("li", {}, inline(sentence))))] : []),
    el("p", { class: "quiet" }, inline(reading)),
    ...(points.length ? [sortable("Accuracies that are compared", accuracies(points, report.measures), points)] : []),
  );
}

/** The best strategy of each budget of compute, as `tts-bench compare --front` has it. */
function showFront(report) {
  const { front, front_reading: reading } = report.verdicts;
  if (!front.length) return;
  const number = (name, place, value) => ({ name, value, show: (row) => row.cells[place] });
  const words = (name, place) => ({ ...number(name, place, (row) => row.cells[place]), words: true });
  const columns = [
    { name: "Task", words: true, value: (row) => row.task, show: (row) => row.task },
    number("Tokens", 0, (row) => row.numbers[0]),
    { ...words("Best", 1), long: true },
    number("Accuracy", 2, (row) => row.numbers[1]),
    number("Spends", 3, (row) => row.numbers[2]),
    { ...words("Not told apart", 4), long: true },
    number("Worse", 5, (row) => Number(row.cells[5])),
    number("Dearer", 6, (row) => Number(row.cells[6])),
  ];
  byId("front").hidden = false;
  byId("front").replaceChildren(
    el("h3", {}, "The front"),
    sortable("The best strategy of each budget", columns, front),
    el("p", { class: "quiet" }, inline(reading)),
  );
}

/** Columns of points as `tts-bench compare` has them: seeds taken together, votes as expectations. */
function accuracies(points, measures) {
  const words = (name, key) => ({ name, words: true, value: (row) => row[key], show: (row) => row[key] });
  const columns = [words("Task", "task"), { ...words("Strategy", "strategy"), long: true }, words("Rung", "rung")];
  columns.push({ name: "Accuracy", value: (row) => row.accuracy, show: (row) => score(row.accuracy) });
  columns.push({ name: "95% interval", value: (row) => row.low, show: interval });
  if (points.some((row) => row.errors)) columns.push(OF_ALL);
  if (points.some((row) => row.seeds > 1)) {
    columns.push({ name: "Seeds", value: (row) => row.seeds, show: (row) => whole(row.seeds) });
    columns.push({
      name: "Between seeds",
      value: (row) => row.between,
      show: (row) => (row.between === null ? "–" : `${(100 * row.between).toFixed(1)} points`),
    });
  }
  columns.push({ name: "Problems", value: (row) => row.n, show: (row) => whole(row.n) });
  return [...columns, ...measures.filter((measure) => measure.compared).map(columnOf)];
}

const OF_ALL = {
  name: "Of all",
  value: (row) => (row.errors ? row.overall : null),
  show: (row) => (row.errors ? score(row.overall) : "–"),
};

function change(row) {
  return row.last.accuracy - row.first.accuracy;
}

function signed(points) {
  const size = Math.abs(points).toFixed(1);
  return `${Number(size) === 0 || points > 0 ? "+" : "−"}${size} points`;
}

function showCurves(report, lines) {
  const panels = [...new Set(lines.map((line) => line.panel))];
  const state = { panel: panels[0], axis: report.axes[0].name, log: true, hidden: new Set() };
  const draw = () => {
    const here = lines.filter((line) => line.panel === state.panel && line.points[0].n);
    drawChart(
      byId("chart"),
      here.filter((line) => !state.hidden.has(line.name)),
      report.axes.find((axis) => axis.name === state.axis),
      state.log,
      report.measures,
    );
    byId("legend").replaceChildren(
      ...here.map((line) => {
        const style = look(line.index);
        const sample = svg(
          "svg",
          { width: 34, height: 16, "aria-hidden": "true" },
          svg("line", {
            x1: 0,
            x2: 34,
            y1: 8,
            y2: 8,
            stroke: style.colour,
            "stroke-width": 2,
            "stroke-dasharray": style.dash,
          }),
          marker(style.shape, 17, 8, 5, style.colour),
        );
        return toggle([sample, inline(line.name)], !state.hidden.has(line.name), () => {
          if (!state.hidden.delete(line.name)) state.hidden.add(line.name);
          draw();
          [...byId("legend").children][here.indexOf(line)].focus();
        });
      }),
    );
  };
  const set = (key) => (value) => {
    state[key] = value;
    draw();
  };
  byId("axes").addEventListener("submit", (event) => event.preventDefault());
  byId("axes").replaceChildren(
    chooser(
      "Task",
      panels.map((panel) => [panel, plain(panel)]),
      state.panel,
      set("panel"),
    ),
    chooser(
      "Compute",
      report.axes.map((axis) => [axis.name, axis.label]),
      state.axis,
      set("axis"),
    ),
    el(
      "label",
      { class: "tick" },
      el("input", { type: "checkbox", checked: true, onchange: (event) => set("log")(event.target.checked) }),
      "log2 scale",
    ),
  );
  let width = 0;
  new ResizeObserver(() => {
    if (byId("chart").clientWidth === width) return; // a drawn chart changes the height, too
    width = byId("chart").clientWidth;
    draw();
  }).observe(byId("chart"));
}

function showResults(report) {
  const rows = report.runs.flatMap((run, place) =>
    run.points.map((point) => ({ ...point, run: run.name, label: report.label(place, point.strategy) })),
  );
  const others = [...new Set(rows.flatMap((row) => Object.keys(row.metrics).filter((name) => name !== row.metric)))];
  const words = (name, key, long = false) => ({
    name,
    words: true,
    long,
    value: (row) => row[key],
    show: (row) => row[key],
  });
  const number = (name, key, show) => ({
    name,
    value: (row) => row[key] ?? null,
    show: (row) => (row.n || key === "errors" || key === "n" ? show(row[key]) : "–"),
  });
  byId("table").replaceChildren(
    sortable(
      "Every rung",
      [
        ...(report.runs.length > 1 ? [words("Run", "run")] : []),
        words("Task", "task"),
        words("Strategy", "label", true),
        words("Rung", "rung"),
        number("Accuracy", "accuracy", score),
        { name: "95% interval", value: (row) => row.low, show: interval },
        ...(rows.some((row) => row.errors) ? [OF_ALL] : []),
        ...others.map((name) => ({
          name: plain(name),
          value: (row) => row.metrics[name] ?? null,
          show: (row) => score(row.metrics[name]),
        })),
        ...report.measures.map(columnOf),
        number("Problems", "n", whole),
        number("Errors", "errors", whole),
      ],
      rows,
    ),
  );
}

function showRuns(report) {
  byId("headers").replaceChildren(
    ...report.runs.map((run) => {
      const facts = SHOWN.map(([name, value]) => [name, value(run.header)]).filter(
        ([, value]) => value !== undefined && value !== "",
      );
      return el(
        "div",
        { class: "card run" },
        el("h3", {}, inline(run.name)),
        el(
          "dl",
          {},
          facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, inline(String(value)))]),
          el("dt", {}, "Command"),
          el("dd", {}, el("code", {}, inline(run.header.command ?? "?"))),
        ),
        el(
          "details",
          {},
          el("summary", {}, "run.json, whole"),
          el("pre", { class: "whole" }, JSON.stringify(run.header, null, 2)),
        ),
      );
    }),
  );
}
