// The payload: unpacked once, with what the page asks of it. Layout: tts_bench/present/report/payload.py.

async function unpacked(base64) {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

/** The last rung of each line, which all that was spent led up to. */
function markLast(points) {
  points.forEach((point, place) => {
    const next = points[place + 1];
    point.last = !next || next.strategy !== point.strategy || next.task !== point.task;
  });
}

class Report {
  static async read() {
    return new Report(await unpacked(byId("payload").textContent));
  }

  constructor(payload) {
    Object.assign(this, payload);
    this.tasks = payload.tables.task;
    this.strategies = payload.tables.strategy;
    this.size = this.records.doc.length;
    for (const points of [this.verdicts.points, ...this.runs.map((run) => run.points)]) markLast(points);
    this.rungNames = this.runs.map((run) => {
      const names = new Map();
      for (const point of run.points) names.set(`${point.task}\n${point.strategy}\n${point.index}`, point.rung);
      return names;
    });
  }

  label(run, strategy) {
    return this.runs[run].labels[strategy] ?? strategy;
  }

  /** A strategy's name where runs may differ. */
  lineName(run, strategy) {
    const label = this.label(run, strategy);
    return this.runs.length > 1 ? `${this.runs[run].name}: ${label}` : label;
  }

  problem(record) {
    const name = `${this.tasks[this.records.task[record]]}/${this.records.doc[record]}`;
    return this.records.repeat[record] ? `${name}#${this.records.repeat[record]}` : name;
  }

  rungName(record, index) {
    const [task, strategy] = [this.tasks[this.records.task[record]], this.strategies[this.records.strategy[record]]];
    return this.rungNames[this.records.run[record]].get(`${task}\n${strategy}\n${index}`) || String(index + 1);
  }

  metric(record) {
    return this.runs[this.records.run[record]].metrics[this.tasks[this.records.task[record]]];
  }

  /** Places of the record's answers among all answers. */
  answersOf(record) {
    const first = this.records.first[record];
    return Array.from({ length: this.records.count[record] }, (_, index) => first + index);
  }

  scoresOf(record) {
    const column = this.answers.scores[this.metric(record)];
    return this.answersOf(record).map((answer) => (column ? column[answer] : null));
  }

  /** The texts of the record's problem, or null where this file does not hold them. */
  async texts(record) {
    const [from, to] = this.blobs.slice(this.records.blob[record], this.records.blob[record] + 2);
    return from === to ? null : unpacked(byId("texts").textContent.slice(from, to));
  }
}
