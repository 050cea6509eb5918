// One trace: its rungs, what each depends on, segment by segment, and a vote's answers.

const KINDS = {
  prompt: "Prompt",
  context: "Prompt beyond the task's own",
  thinking: "Thinking, sampled",
  cue: "Cue, put in",
  closing: "Answer prompt, put in",
  prefill: "Beginning of the answer, put in",
  answer: "Answer, sampled",
  probe: "Asked on the side",
};
const BILL = {
  prompt: "Prompt",
  context: "Further prompt",
  thinking: "Thinking",
  forced: "Put in",
  answer: "Answer",
  probe: "Probes",
  discarded: "Discarded",
};

class TraceView {
  constructor(browser, record) {
    this.browser = browser;
    this.report = browser.report;
    this.record = record;
    this.places = this.report.answersOf(record);
    this.scores = this.report.scoresOf(record);
    this.rung = this.places.length - 1;
  }

  async show() {
    byId("trace").replaceChildren(this.head(), el("p", { class: "quiet" }, "Unpacking …"));
    const texts = await this.report.texts(this.record);
    if (this.browser.chosen !== this.record) return;
    this.texts = texts;
    this.draw();
    byId("trace").scrollTop = 0;
    if (byId("trace").getBoundingClientRect().top > innerHeight * 0.8) byId("trace").scrollIntoView();
  }

  head() {
    const { report, record } = this;
    const { records } = report;
    const { found } = this.browser;
    const place = found.indexOf(record);
    const step = (by, name) =>
      el(
        "button",
        {
          type: "button",
          disabled: found[place + by] === undefined,
          onclick: () => {
            this.browser.step(by);
            byId("trace").focus();
          },
        },
        name,
      );
    return el(
      "div",
      { class: "head" },
      el(
        "div",
        { class: "names" },
        el(
          "h3",
          {},
          inline(report.problem(record)),
          " · ",
          inline(report.lineName(records.run[record], report.strategies[records.strategy[record]])),
        ),
      ),
      el("div", {}, step(-1, "Previous"), step(1, "Next")),
    );
  }

  draw() {
    const { report, record } = this;
    const failure = report.records.error[record];
    byId("trace").replaceChildren(
      this.head(),
      ...(failure >= 0
        ? [
            el(
              "p",
              { class: "notice" },
              "This problem ended in an error and is in no accuracy. ",
              inline(report.tables.error[failure]),
            ),
          ]
        : []),
      ...(this.places.length ? [this.rungButtons(), this.verdict(), ...this.bill()] : []),
      ...this.body(),
    );
  }

  rungButtons() {
    const buttons = this.places.map((_, index) =>
      el(
        "button",
        {
          type: "button",
          "aria-pressed": String(index === this.rung),
          onclick: () => {
            this.rung = index;
            this.draw();
            byId("trace").querySelectorAll(".rungs button")[index].focus();
          },
        },
        inline(this.report.rungName(this.record, index)),
        " ",
        verdict(this.scores[index]),
      ),
    );
    return el("div", { class: "rungs", role: "group", "aria-label": "Rungs" }, buttons);
  }

  verdict() {
    const { answers, tables } = this.report;
    const place = this.places[this.rung];
    const extracted = answers.extracted[place];
    const cues = answers.cues_wanted[place];
    return el(
      "div",
      { class: "verdict" },
      el("span", {}, "Answer ", el("strong", {}, extracted < 0 ? "none" : inline(tables.extracted[extracted]))),
      ...(this.texts && this.texts.gold !== null ? [el("span", {}, "Right answer ", el("strong", {}, inline(this.texts.gold)))] : []),
      ...Object.entries(answers.scores)
        .filter(([, column]) => column[place] !== null)
        .map(([name, column]) =>
          el(
            "span",
            {},
            inline(name),
            " ",
            verdict(column[place]),
            column[place] % 1 ? ` ${score(column[place])}` : "",
          ),
        ),
      ...(answers.truncated[place] ? [el("span", { class: "warn" }, "thinking reached its budget")] : []),
      ...(cues ? [el("span", {}, `${answers.cues[place]} of ${count(cues, "cue")} put in`)] : []),
    );
  }

  /** What the answer costs, as a bar and in numbers. */
  bill() {
    const { answers } = this.report;
    const place = this.places[this.rung];
    const parts = Object.keys(BILL)
      .map((kind) => [kind, answers[kind][place]])
      .filter(([, tokens]) => tokens);
    const bar = el(
      "div",
      { class: "bar", "aria-hidden": "true" },
      parts.map(([kind, tokens]) => {
        const part = el("span", { class: `k-${kind}` });
        part.style.flexGrow = tokens;
        return part;
      }),
    );
    const made = this.report.records.spent[this.record];
    return [
      bar,
      el(
        "div",
        { class: "keys" },
        parts.map(([kind, tokens]) =>
          el("span", {}, el("i", { class: `k-${kind}` }), `${BILL[kind]} ${whole(tokens)}`),
        ),
        el(
          "span",
          {},
          `${whole(billed(answers, place))} tokens billed of ${whole(made)} made for this problem, ` +
            `${whole(answers.sequential[place])} one after the other`,
        ),
      ),
    ];
  }

  body() {
    if (!this.texts)
      return [
        el("p", { class: "notice" }, `The texts of this problem are not in this file. ${this.report.texts_note}`),
      ];
    const mine = this.texts.records.find((entry) => entry.strategy === this.report.records.strategy[this.record]);
    const used = this.places.length ? mine.answers[this.rung] : mine.segments.map((_, index) => index);
    const chains = chained(used.map((index) => mine.segments[index]));
    if (chains.length === 1) return chains[0].map((part) => this.segment(part));
    this.schema = mine.schema;
    return [this.ballots(chains), ...this.samples(chains)];
  }

  /** What a sample says in a vote; records of schema 1 hold only how it was written. */
  said(chain) {
    const last = chain.at(-1);
    return this.schema === 1 ? this.text(last).trim() : (last.extracted ?? "no answer");
  }

  ballots(chains) {
    const { answers, tables } = this.report;
    const winner = tables.extracted[answers.extracted[this.places[this.rung]]];
    const tally = new Map();
    for (const chain of chains) tally.set(this.said(chain), (tally.get(this.said(chain)) ?? 0) + 1);
    const rows = [...tally]
      .sort((a, b) => b[1] - a[1])
      .map(([said, votes]) =>
        el(
          "tr",
          {},
          el("td", { class: "words" }, inline(said)),
          el("td", {}, String(votes)),
          el("td", { class: "words" }, this.schema > 1 && said === winner ? "chosen" : ""),
        ),
      );
    return el(
      "div",
      {},
      el("h4", {}, `A vote of ${chains.length}`),
      el(
        "table",
        { class: "ballots" },
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            el("th", { class: "words", scope: "col" }, "Answer"),
            el("th", { scope: "col" }, "Votes"),
            el("th", { class: "words", scope: "col" }, "Outcome"),
          ),
        ),
        el("tbody", {}, rows),
      ),
    );
  }

  samples(chains) {
    const [prompt, ...first] = chains[0];
    return [
      this.segment(prompt),
      ...[first, ...chains.slice(1)].map((chain, index) =>
        el(
          "details",
          { class: "sample", open: chains.length <= 2 },
          el(
            "summary",
            {},
            `Sample ${index + 1}: `,
            inline(this.said(chain)),
            ` (${count(
              chain.reduce((sum, part) => sum + part.tokens + part.end - part.paid, 0),
              "token",
            )})`,
          ),
          chain[0].start > prompt.tokens
            ? el(
                "p",
                { class: "quiet" },
                `Goes on after ${whole(chain[0].start)} tokens that it shares with a sample above.`,
              )
            : [],
          chain.map((part) => this.segment(part)),
        ),
      ),
    ];
  }

  text(part) {
    return this.texts.texts[part.text].slice(0, part.length);
  }

  segment(part) {
    const ended = part.end && part.kind === "thinking" ? `, its end (${count(part.end, "token")}) was replaced` : "";
    const label = `${KINDS[part.kind]}: ${count(part.tokens, "token")}${ended}`;
    const pre = el("pre", { dir: "auto" }, this.text(part));
    if (part.kind !== "prompt")
      return el("div", { class: `segment ${part.kind}` }, el("div", { class: "label" }, label), pre);
    return el("details", { class: "segment prompt" }, el("summary", {}, label), pre);
  }
}

/** Segments of a lineage as chains, one a trace: each ends with an answer, what they share stands in the first. */
function chained(segments) {
  const chains = [[]];
  for (const part of segments) {
    if (chains.at(-1).at(-1)?.kind === "answer") chains.push([]);
    chains.at(-1).push(part);
  }
  return chains;
}
