// WCAG 2.2: contrast of every text against what stands behind it, and of lines and bars against theirs.
(() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, under) => ({
    r: top.r * top.a + under.r * (1 - top.a),
    g: top.g * top.a + under.g * (1 - top.a),
    b: top.b * top.a + under.b * (1 - top.a),
    a: 1,
  });
  const luminance = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b]
      .map((value) => value / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      layers.push(colour);
      if (colour.a === 1) break;
    }
    return layers.reduceRight((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 });
  };
  const ratio = (colour, back) => {
    const [a, b] = [luminance(over(colour, back)), luminance(back)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const found = [];
  const add = (node, text, colour, back, least) =>
    found.push({ text, least, ratio: ratio(parse(colour), back), tag: node.localName });
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest("script, option, :disabled"))
      continue;
    const style = getComputedStyle(node);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const colour = node.namespaceURI.endsWith("svg") ? style.fill : style.color;
    add(node, walker.currentNode.data.slice(0, 40), colour, behind(node), large ? 3 : 4.5);
  }
  for (const node of document.querySelectorAll(".chart path, .legend svg line")) {
    add(node, "line", getComputedStyle(node).stroke, behind(node.closest(".chart, button")), 3);
  }
  for (const node of document.querySelectorAll(".bar span, .keys i")) {
    add(node, "bar", getComputedStyle(node).backgroundColor, behind(node.parentElement), 3);
  }
  for (const node of document.querySelectorAll("select, input, .controls button")) {
    add(node, "border", getComputedStyle(node).borderTopColor, behind(node.parentElement), 3);
  }
  return found;
})();
