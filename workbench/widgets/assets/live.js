// What the batching does at this moment: rates, queue, batch sizes, why batches closed.
const REASONS = ["full", "idle", "timeout", "drain"];
const REASON_TEXT = {
  full: "full", idle: "nothing more in flight", timeout: "timeout", drain: "drain",
};

function sparkline(values, width, height) {
  const top = Math.max(...values, 1);
  const step = width / Math.max(values.length - 1, 1);
  const points = values.map((value, i) => `${(i * step).toFixed(1)},${(height - (value / top) * height).toFixed(1)}`);
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, height, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("polyline", { class: "swb-spark", points: points.join(" "), "vector-effect": "non-scaling-stroke" }));
}

function tile(name, value, unit, history, tone = "") {
  return html("div", { class: "swb-tile", "data-tone": tone },
    html("div", { class: "swb-tile-name" }, name),
    html("div", { class: "swb-tile-value" }, value, html("span", { class: "swb-tile-unit" }, unit)),
    history ? sparkline(history, 120, 22) : null);
}

function histogram(bars, width) {
  const height = 130, left = 34, bottom = 32, top = 14;
  const inner = width - left - 6;
  const most = Math.max(...bars.map((bar) => bar.share), 0.01);
  const slot = inner / Math.max(bars.length, 1);
  const y = (share) => top + (height - top - bottom) * (1 - share / most);
  const draw = (bar, i) => [
    svg("rect", { class: "swb-bar", x: left + i * slot + slot * 0.12, width: slot * 0.76,
      y: y(bar.share), height: Math.max(height - bottom - y(bar.share), bar.share ? 1 : 0), rx: 1.5 },
      svg("title", {}, `${bar.label} rows: ${(100 * bar.share).toFixed(1)} % of batches`)),
    slot > 22 || i % 2 === 0
      ? svg("text", { x: left + (i + 0.5) * slot, y: height - bottom + 14, "text-anchor": "middle" }, bar.label) : null,
  ];
  const named = bars.filter((bar) => bar.share).map((bar) => `${bar.label}: ${Math.round(100 * bar.share)} percent`);
  const scale = bars.length
    ? [svg("text", { x: left - 5, y: y(most) + 4, "text-anchor": "end" }, `${Math.round(100 * most)}%`),
      svg("text", { x: left - 5, y: height - bottom, "text-anchor": "end" }, "0")]
    : [];
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img",
    "aria-label": `Rows per batch. ${named.join(", ") || "No batches yet."}` },
    svg("line", { class: "swb-axis", x1: left, x2: width - 6, y1: height - bottom, y2: height - bottom }),
    scale, svg("text", { x: left + inner / 2, y: height - 3, "text-anchor": "middle" }, "rows per batch"),
    bars.length ? bars.map(draw) : svg("text", { x: left + inner / 2, y: height / 2, "text-anchor": "middle" }, "no batches yet"));
}

function reasons(shares) {
  const present = REASONS.filter((reason) => shares[reason] > 0);
  const percent = (reason) => `${(100 * shares[reason]).toFixed(shares[reason] < 0.1 ? 1 : 0)} %`;
  return html("div", {},
    html("div", { class: "swb-stack", "aria-hidden": "true" }, present.map((reason) =>
      html("span", { class: `swb-series-${REASONS.indexOf(reason)}`, style: `width: ${100 * shares[reason]}%` }))),
    html("div", { class: "swb-legend" }, present.length
      ? present.map((reason) => html("span", {},
        html("span", { class: `swb-swatch swb-series-${REASONS.indexOf(reason)}` }), `${REASON_TEXT[reason]} ${percent(reason)}`))
      : html("span", {}, "no batches yet")));
}

function render({ model, el }) {
  el.classList.add("swb");
  const root = html("div", { role: "group", "aria-label": "Live batching statistics" });
  el.append(root);
  return redraw(model, root, ["reading"], (width) => {
    const now = model.get("reading");
    const chart = width > 640 ? (width - 20) / 2 : width;
    root.replaceChildren(
      html("div", { class: "swb-tiles" },
        tile("Requests", short(now.rate), "/s", now.rate_history),
        tile("Queued", short(now.queued), "requests", now.queued_history),
        tile("Mean batch", now.mean_batch === null ? "–" : short(now.mean_batch), now.mean_batch === null ? "" : "rows"),
        tile("Fill ratio", now.fill_ratio === null ? "–" : Math.round(100 * now.fill_ratio), now.fill_ratio === null ? "" : "%"),
        tile("Failed or refused", short(now.failed), `in ${now.window_s} s`, null, now.failed ? "bad" : "")),
      html("div", { class: "swb-charts" },
        html("div", {}, html("h4", {}, `Batch sizes, last ${now.window_s} s`), histogram(now.batch_sizes, chart)),
        html("div", {}, html("h4", {}, "Why batches closed"), reasons(now.close_reasons))));
  });
}

export default { render };
