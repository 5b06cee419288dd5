// What the batching does at this moment: rates, queue, batch sizes, why batches closed.
const REASONS = { full: "full", idle: "nothing more in flight", timeout: "timeout", drain: "drain" };
const BARS = { height: 130, left: 44, right: 6, top: 14, bottom: 32 };

const percent = (share) => `${(100 * share).toFixed(share && share < 0.1 ? 1 : 0)} %`;

function sparkline(values, width, height) {
  const top = Math.max(...values, 1);
  const step = width / Math.max(values.length - 1, 1);
  const place = (value, i) => `${(i * step).toFixed(1)},${(height * (1 - value / top)).toFixed(1)}`;
  const points = values.map(place).join(" ");
  const line = svg("polyline", { class: "swb-spark", points, "vector-effect": "non-scaling-stroke" });
  const frame = { viewBox: `0 0 ${width} ${height}`, height, preserveAspectRatio: "none" };
  return svg("svg", { ...frame, "aria-hidden": "true" }, line);
}

function tile(name, value, unit, { history = null, tone = "" } = {}) {
  const number =
    value === null ? "–" : html("span", {}, value, html("span", { class: "swb-tile-unit" }, unit));
  return html(
    "div",
    { class: "swb-tile", "data-tone": tone },
    html("div", { class: "swb-tile-name" }, name),
    html("div", { class: "swb-tile-value" }, number),
    history && sparkline(history, 120, 22),
  );
}

function histogram(bars, width) {
  const base = BARS.height - BARS.bottom;
  const middle = (BARS.left + width - BARS.right) / 2;
  const most = Math.max(...bars.map((bar) => bar.share), 0.01);
  const slot = (width - BARS.left - BARS.right) / Math.max(bars.length, 1);
  const draw = ({ label, share }, i) => {
    const height = Math.max(((base - BARS.top) * share) / most, share ? 1 : 0);
    const place = { x: BARS.left + (i + 0.12) * slot, y: base - height, width: 0.76 * slot, height };
    const title = svg("title", {}, `${label} rows: ${percent(share)} of the batches`);
    const crowded = slot < 30 && i % 2;
    return [
      svg("rect", { class: "swb-bar", rx: 1.5, ...place }, title),
      crowded ? null : caption(label, BARS.left + (i + 0.5) * slot, base + 14),
    ];
  };
  const told = bars.filter((bar) => bar.share).map((bar) => `${bar.label}: ${percent(bar.share)}`);
  const frame = { viewBox: `0 0 ${width} ${BARS.height}`, height: BARS.height, role: "img" };
  return svg(
    "svg",
    { ...frame, "aria-label": `Rows per batch. ${told.join(", ") || "No batches yet."}` },
    stroke("axis", BARS.left, base, width - BARS.right, base),
    caption("rows per batch", middle, BARS.height - 3),
    bars.length
      ? [caption(percent(most), BARS.left - 5, BARS.top + 4, "end"), bars.map(draw)]
      : caption("no batches yet", middle, BARS.height / 2),
  );
}

function reasons(shares) {
  const present = Object.keys(REASONS).filter((reason) => shares[reason] > 0);
  const hue = (reason) => `swb-series-${Object.keys(REASONS).indexOf(reason)}`;
  const part = (reason) => html("span", { class: hue(reason), style: `width: ${100 * shares[reason]}%` });
  const entry = (reason) => {
    const swatch = html("span", { class: `swb-swatch ${hue(reason)}` });
    return html("span", {}, swatch, `${REASONS[reason]} ${percent(shares[reason])}`);
  };
  const legend = present.length ? present.map(entry) : html("span", {}, "no batches yet");
  return html(
    "div",
    {},
    html("div", { class: "swb-stack", "aria-hidden": "true" }, present.map(part)),
    html("div", { class: "swb-legend" }, legend),
  );
}

function tiles(now) {
  const fill = now.fill_ratio === null ? null : Math.round(100 * now.fill_ratio);
  const tone = now.failed ? "bad" : "";
  return html(
    "div",
    { class: "swb-tiles" },
    tile("Requests", short(now.rate), "/s", { history: now.rate_history }),
    tile("Queued", short(now.queued), "requests", { history: now.queued_history }),
    tile("Mean batch", now.mean_batch === null ? null : short(now.mean_batch), "rows"),
    tile("Fill ratio", fill, "%"),
    tile("Failed or refused", short(now.failed), `in ${now.window_s} s`, { tone }),
  );
}

function render({ model, el }) {
  el.classList.add("swb");
  const root = html("div", { role: "group", "aria-label": "Live batching statistics" });
  el.append(root);
  return redraw(model, root, ["reading"], (width) => {
    const now = model.get("reading");
    const chart = width > 640 ? (width - 20) / 2 : width;
    const sizes = [html("h4", {}, `Batch sizes, last ${now.window_s} s`), histogram(now.batch_sizes, chart)];
    const closing = [html("h4", {}, "Why batches closed"), reasons(now.close_reasons)];
    const charts = html("div", { class: "swb-charts" }, html("div", {}, sizes), html("div", {}, closing));
    root.replaceChildren(tiles(now), charts);
  });
}

export default { render };
