// Throughput against latency, point by point as they are measured.
const HEIGHT = 320;
const MARGIN = { top: 14, right: 16, bottom: 42, left: 56 };
const DASH = { p50: "2 4", p95: "7 4", p99: "none" };
const MARKS = [
  (x, y) => svg("circle", { cx: x, cy: y, r: 4.5 }),
  (x, y) => svg("rect", { x: x - 4, y: y - 4, width: 8, height: 8 }),
  (x, y) => svg("path", { d: `M${x} ${y - 5.5}l5 9h-10z` }),
  (x, y) => svg("path", { d: `M${x} ${y - 5.5}l5.5 5.5l-5.5 5.5l-5.5 -5.5z` }),
];

function niceSteps(top, count) {
  const raw = top / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw);
  return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, i) => i * step);
}

// Powers of ten, with 2 and 5 between them while there is room.
function logTicks(low, high) {
  const factors = Math.log10(high / low) > 2.5 ? [1] : [1, 2, 5];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const factor of factors) ticks.push(factor * 10 ** power);
  return ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
}

function scales(curves, quantiles, limit, width) {
  const points = curves.flatMap((curve) => curve.points);
  const measured = points.flatMap((point) => quantiles.map((name) => point[name]));
  const latencies = [...measured, limit].filter((ms) => ms > 0);
  const right = Math.max(...points.map((point) => point.rate), 1) * 1.06;
  const low = latencies.length ? Math.min(...latencies) / 1.35 : 1;
  const high = latencies.length ? Math.max(...latencies) * 1.35 : 100;
  const [wide, tall] = [width - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
  return {
    right,
    low,
    high,
    x: (rate) => MARGIN.left + (rate / right) * wide,
    y: (ms) => MARGIN.top + tall * (1 - Math.log(ms / low) / Math.log(high / low)),
  };
}

function axes(scale, width) {
  const [base, end] = [HEIGHT - MARGIN.bottom, width - MARGIN.right];
  const middle = (MARGIN.top + base) / 2;
  const rates = niceSteps(scale.right, Math.max(Math.floor(width / 110), 2)).map((rate) => [
    stroke("grid", scale.x(rate), MARGIN.top, scale.x(rate), base),
    caption(short(rate), scale.x(rate), base + 16),
  ]);
  const latencies = logTicks(scale.low, scale.high).map((ms) => [
    stroke("grid", MARGIN.left, scale.y(ms), end, scale.y(ms)),
    caption(short(ms), MARGIN.left - 7, scale.y(ms) + 4, "end"),
  ]);
  return svg(
    "g",
    { "aria-hidden": "true" },
    rates,
    latencies,
    stroke("axis", MARGIN.left, base, end, base),
    caption("answered requests per second", (MARGIN.left + end) / 2, HEIGHT - 6),
    caption("latency in ms (log)", 14, middle, "middle", { transform: `rotate(-90 14 ${middle})` }),
  );
}

function limitLine(limit, scale, width) {
  const [y, end] = [scale.y(limit), width - MARGIN.right];
  return [
    stroke("slo", MARGIN.left, y, end, y),
    caption(`SLO ${short(limit)} ms`, end, y - 5, "end", { class: "swb-slo-name" }),
  ];
}

function describe(curve, point, name) {
  const others = ["p50", "p95", "p99"].filter((other) => other !== name);
  const latencies = [name, ...others].map((quantile) => `${quantile} ${short(point[quantile])} ms`);
  const lines = [`${curve.label}, ${point.load}`, `${short(point.rate)} answered/s`, latencies.join(", ")];
  return [...lines, point.verdict].filter(Boolean).join("\n");
}

function mark(curve, index, point, name, scale, tip) {
  const [x, y] = [scale.x(point.rate), scale.y(point[name])];
  const text = describe(curve, point, name);
  const show = () => tip.show(x, y, text);
  const attributes = {
    class: "swb-point",
    "data-hollow": !point.good,
    tabindex: 0,
    role: "img",
    "aria-label": text.replaceAll("\n", ", "),
    onfocus: show,
    onblur: tip.hide,
    onmouseenter: show,
    onmouseleave: tip.hide,
  };
  return fill(MARKS[index % MARKS.length](x, y), attributes, []);
}

function series(curve, index, quantiles, scale, tip) {
  const drawn = quantiles.map((name) => {
    const points = curve.points.filter((point) => point[name] > 0);
    const places = points.map(
      (point) => `${scale.x(point.rate).toFixed(1)},${scale.y(point[name]).toFixed(1)}`,
    );
    const line = { class: "swb-series-line", points: places.join(" "), "stroke-dasharray": DASH[name] };
    return [svg("polyline", line), points.map((point) => mark(curve, index, point, name, scale, tip))];
  });
  return svg("g", { class: `swb-series-${index % 5}` }, drawn);
}

function legend(curves, quantiles) {
  const sample = (dash, ...marks) => {
    const line = stroke("series-line", 0, 5, 24, 5, { "stroke-dasharray": dash });
    return svg("svg", { viewBox: "0 0 24 10", "aria-hidden": "true" }, line, marks);
  };
  const named = (curve, index) => {
    const shape = fill(MARKS[index % MARKS.length](12, 5), { class: "swb-point" }, []);
    const key = html("span", { class: `swb-key swb-series-${index % 5}` }, sample("none", shape));
    return html("span", {}, key, curve.label);
  };
  const styles = quantiles.map((name) => html("span", {}, sample(DASH[name]), name));
  return html("div", { class: "swb-legend" }, curves.map(named), styles);
}

function tooltip(root) {
  const box = html("div", { class: "swb-tip", hidden: "" });
  return {
    box,
    hide: () => (box.hidden = true),
    show: (x, y, text) => {
      box.textContent = text;
      box.hidden = false;
      const left = x + 12 + box.offsetWidth > root.clientWidth ? x - 12 - box.offsetWidth : x + 12;
      box.style.left = `${Math.max(left, 0)}px`;
      box.style.top = `${Math.max(y - box.offsetHeight - 6, 0)}px`;
    },
  };
}

function render({ model, el }) {
  el.classList.add("swb");
  const root = html("div", { class: "swb-chart" });
  const key = html("div");
  el.append(key, root);
  return redraw(model, root, ["curves", "slo_ms", "quantiles"], (width) => {
    const [curves, quantiles, limit] = ["curves", "quantiles", "slo_ms"].map((trait) => model.get(trait));
    const scale = scales(curves, quantiles, limit, width);
    const tip = tooltip(root);
    const nothing = curves.every((curve) => !curve.points.length);
    const invitation = "Run a sweep: each point appears as soon as it is measured.";
    const frame = { viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT, role: "group" };
    key.replaceChildren(legend(curves, nothing ? [] : quantiles));
    root.replaceChildren(
      svg(
        "svg",
        { ...frame, "aria-label": model.get("summary") },
        axes(scale, width),
        limit ? limitLine(limit, scale, width) : null,
        curves.map((curve, index) => series(curve, index, quantiles, scale, tip)),
        nothing ? caption(invitation, width / 2, HEIGHT / 2 - 10) : null,
      ),
      tip.box,
    );
  });
}

export default { render };
