// Shared by the charts and tables below: elements from tag, attributes and children.
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false) node.setAttribute(name, value);
  }
  // JupyterLab takes arrow keys and Enter for itself unless the focused element itself says not to.
  if (node.matches("button, input, [tabindex]")) node.dataset.lmSuppressShortcuts = "true";
  node.append(...children.flat(Infinity).filter((child) => child !== null));
  return node;
}

const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

const caption = (text, x, y, anchor = "middle", more = {}) =>
  svg("text", { x, y, "text-anchor": anchor, ...more }, text);
const stroke = (kind, x1, y1, x2, y2, more = {}) =>
  svg("line", { class: `swb-${kind}`, x1, y1, x2, y2, ...more });

const short = (value) => {
  if (value >= 10000) return `${Number((value / 1000).toPrecision(3))}k`;
  return `${Number(value.toPrecision(value >= 1000 ? 4 : 3))}`;
};

// Draws now, when one of the traits changes, and when the width does; returns the undo.
function redraw(model, root, traits, draw) {
  let width = 0;
  const again = () => draw(Math.max(width || root.clientWidth, 280));
  const observer = new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - width) < 1) return;
    width = entry.contentRect.width;
    again();
  });
  const events = traits.map((trait) => `change:${trait}`);
  events.forEach((event) => model.on(event, again));
  observer.observe(root);
  again();
  return () => {
    observer.disconnect();
    events.forEach((event) => model.off(event, again));
  };
}
