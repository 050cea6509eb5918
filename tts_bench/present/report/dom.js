// Elements and text. Text from runs reaches the page through `shown` and `inline` only: as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const HIDDEN = /(?:(?![\n\t])\p{C}|[\u2028\u2029])+/gu; // control, format, direction, private, unpaired characters

function escaped(chars) {
  const codes = [...chars].map((char) => char.codePointAt(0).toString(16));
  return codes.map((code) => (code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\u{${code}}`)).join("");
}

/** `text` for an attribute: what would not show is written as an escape. */
function plain(text) {
  return String(text).replace(HIDDEN, escaped);
}

/** `text` as nodes: what would not show, or would turn the reading direction, is a coloured escape. */
function shown(text) {
  const nodes = [];
  let from = 0;
  for (const match of String(text).matchAll(HIDDEN)) {
    nodes.push(document.createTextNode(String(text).slice(from, match.index)));
    const mark = document.createElement("span");
    mark.className = "escape";
    mark.textContent = escaped(match[0]);
    nodes.push(mark);
    from = match.index + match[0].length;
  }
  nodes.push(document.createTextNode(String(text).slice(from)));
  return nodes;
}

/** Outside text within a line: kept apart from the reading direction of what stands around it. */
function inline(text) {
  const node = document.createElement("bdi");
  node.append(...shown(text));
  return node;
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, plain(value));
  }
  for (const child of children.flat()) {
    if (child instanceof Node) node.append(child);
    else if (child !== null && child !== undefined) node.append(...shown(child));
  }
  return node;
}

function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function byId(id) {
  return document.getElementById(id);
}

let fields = 0;

/** `control` with its label above it. */
function labelled(label, control) {
  control.id = `field-${++fields}`;
  return el("div", { class: "field" }, el("label", { for: control.id }, label), control);
}

/** A labelled select; `options` are [value, label] pairs. */
function chooser(label, options, value, onchange) {
  const entries = options.map(([key, name]) =>
    el("option", { value: key, selected: String(key) === String(value) }, name),
  );
  return labelled(label, el("select", { onchange: (event) => onchange(event.target.value) }, entries));
}

function toggle(label, pressed, onclick) {
  return el("button", { type: "button", "aria-pressed": String(pressed), onclick }, label);
}
