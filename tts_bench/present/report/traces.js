// The trace browser: filters, and the list of what they find.

const PAGE = 20;
const CHIPS = {
  right: "Right",
  wrong: "Wrong",
  flipped: "Flipped",
  truncated: "Truncated",
  unanswered: "No answer",
  errors: "Errors",
};
const EITHER = { right: "wrong", wrong: "right" }; // no trace is both

/** What the filters ask of each record. */
function traits(report) {
  const { answers, records } = report;
  return Array.from({ length: report.size }, (_, record) => {
    const scores = report.scoresOf(record);
    const failed = records.error[record] >= 0;
    const places = report.answersOf(record);
    const last = places.at(-1);
    return {
      errors: failed,
      right: !failed && scores.at(-1) >= 1,
      wrong: !failed && scores.at(-1) < 1,
      flipped: scores.some((value, index) => index && value >= 1 !== scores[index - 1] >= 1),
      truncated: places.some((place) => answers.truncated[place]),
      unanswered: !failed && answers.extracted[last] < 0,
    };
  });
}

class Browser {
  constructor(report) {
    this.report = report;
    this.traits = traits(report);
    this.wanted = { run: "", task: "", strategy: "", search: "", chips: new Set() };
    this.page = 0;
    this.chosen = null;
    this.controls();
    this.filter();
    byId("list").addEventListener("keydown", (event) => this.walk(event));
  }

  controls() {
    const { report, wanted } = this;
    const set = (key) => (value) => {
      wanted[key] = value;
      this.filter();
    };
    const all = (names) => [["", "all"], ...names.map((name, index) => [index, plain(name)])];
    const strategies = report.strategies.map((id) => report.runs.find((run) => id in run.labels)?.labels[id] ?? id);
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("filters").replaceChildren(
      ...(report.runs.length > 1 ? [chooser("Run", all(report.runs.map((run) => run.name)), "", set("run"))] : []),
      chooser("Task", all(report.tasks), "", set("task")),
      chooser("Strategy", all(strategies), "", set("strategy")),
      labelled(
        "Problem number",
        el("input", {
          type: "search",
          inputmode: "numeric",
          size: 10,
          oninput: (event) => set("search")(event.target.value.trim()),
        }),
      ),
      el(
        "fieldset",
        { class: "chips", "aria-label": "Only traces that are" },
        Object.entries(CHIPS).map(([key, name]) => {
          const button = toggle(name, false, () => this.press(key));
          button.dataset.chip = key;
          return button;
        }),
      ),
    );
  }

  press(key) {
    const { chips } = this.wanted;
    chips.delete(EITHER[key]);
    if (!chips.delete(key)) chips.add(key);
    for (const button of byId("filters").querySelectorAll("[data-chip]")) {
      button.setAttribute("aria-pressed", String(chips.has(button.dataset.chip)));
    }
    this.filter();
  }

  filter() {
    const { run, task, strategy, search, chips } = this.wanted;
    const { records } = this.report;
    const fits = (record) =>
      (run === "" || records.run[record] === Number(run)) &&
      (task === "" || records.task[record] === Number(task)) &&
      (strategy === "" || records.strategy[record] === Number(strategy)) &&
      (search === "" || String(records.doc[record]) === search) &&
      [...chips].every((key) => this.traits[record][key]);
    this.found = Array.from({ length: this.report.size }, (_, record) => record).filter(fits);
    this.page = 0;
    byId("found").textContent = `${count(this.found.length, "trace")} of ${whole(this.report.size)}`;
    this.list();
  }

  list() {
    const from = this.page * PAGE;
    const rows = this.found.slice(from, from + PAGE).map((record) => this.row(record));
    byId("list").replaceChildren(...rows);
    const pages = Math.max(1, Math.ceil(this.found.length / PAGE));
    const turn = (step) => {
      this.page += step;
      this.list();
    };
    byId("pages").replaceChildren(
      el("button", { type: "button", disabled: this.page === 0, onclick: () => turn(-1) }, "Previous page"),
      el("span", { class: "quiet" }, `${whole(this.page + 1)} of ${whole(pages)}`),
      el("button", { type: "button", disabled: this.page >= pages - 1, onclick: () => turn(1) }, "Next page"),
    );
  }

  row(record) {
    const { records, answers } = this.report;
    const last = this.report.answersOf(record).at(-1);
    const strategy = this.report.lineName(records.run[record], this.report.strategies[records.strategy[record]]);
    const facts =
      last === undefined
        ? "no answer yet"
        : `${whole(billed(answers, last))} tokens`;
    const marks = el("span", { class: "marks" }, this.marks(record));
    const said =
      last === undefined || answers.extracted[last] < 0
        ? "no answer"
        : this.report.tables.extracted[answers.extracted[last]];
    return el(
      "li",
      {},
      el(
        "button",
        {
          type: "button",
          "data-record": record,
          "aria-current": String(record === this.chosen),
          onclick: () => this.choose(record),
        },
        el(
          "span",
          {},
          inline(this.report.problem(record)),
          this.traits[record].truncated ? el("span", { class: "small" }, " · truncated") : [],
        ),
        marks,
        el("span", { class: "small" }, inline(strategy)),
        el("span", { class: "small" }, inline(said.length > 24 ? `${said.slice(0, 23)}…` : said), ` · ${facts}`),
      ),
    );
  }

  /** Right or wrong at each rung; of many rungs the first, the last and powers of two. */
  marks(record) {
    const scores = this.report.scoresOf(record);
    const some = scores
      .map((value, index) => [value, index + 1])
      .filter(([, place]) => scores.length <= 8 || (place & (place - 1)) === 0 || place === scores.length);
    const marks = some.map(([value]) => verdict(value));
    if (this.report.records.error[record] >= 0) marks.push(el("span", { class: "mark warn" }, "error"));
    return marks;
  }

  choose(record) {
    this.chosen = record;
    for (const button of byId("list").querySelectorAll("button")) {
      button.setAttribute("aria-current", String(Number(button.dataset.record) === record));
    }
    return new TraceView(this, record).show();
  }

  /** The trace `step` places further in what was found. */
  step(step) {
    const place = this.found.indexOf(this.chosen) + step;
    if (place < 0 || place >= this.found.length) return;
    this.page = Math.floor(place / PAGE);
    this.list();
    this.choose(this.found[place]);
  }

  walk(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...byId("list").querySelectorAll("button")];
    buttons[buttons.indexOf(document.activeElement) + step]?.focus();
  }
}

function verdict(value) {
  if (value === null) return el("span", { class: "mark" }, "–");
  const right = value >= 1;
  return el(
    "span",
    { class: right ? "mark right" : "mark wrong", role: "img", "aria-label": right ? "right" : "wrong" },
    right ? "✓" : "✗",
  );
}
