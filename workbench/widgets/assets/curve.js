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

function scales(curves, quantiles, slo, width) {
  const points = curves.flatMap((curve) => curve.points);
  const latencies = points.flatMap((point) => quantiles.map((name) => point[name])).concat(slo ?? []).filter((v) => v > 0);
  const right = Math.max(...points.map((point) => point.rate), 1) * 1.06;
  const low = latencies.length ? Math.min(...latencies) / 1.35 : 1;
  const high = latencies.length ? Math.max(...latencies) * 1.35 : 100;
  const plotWidth = width - MARGIN.left - MARGIN.right, plotHeight = HEIGHT - MARGIN.top - MARGIN.bottom;
  return {
    right, low, high,
    x: (rate) => MARGIN.left + (rate / right) * plotWidth,
    y: (ms) => MARGIN.top + plotHeight * (1 - Math.log(ms / low) / Math.log(high / low)),
  };
}

function axes(scale, width) {
  const base = HEIGHT - MARGIN.bottom, end = width - MARGIN.right;
  const vertical = niceSteps(scale.right, Math.max(Math.floor(width / 110), 2)).map((rate) => [
    svg("line", { class: "swb-grid", x1: scale.x(rate), x2: scale.x(rate), y1: MARGIN.top, y2: base }),
    svg("text", { x: scale.x(rate), y: base + 16, "text-anchor": "middle" }, short(rate)),
  ]);
  const horizontal = logTicks(scale.low, scale.high).map((ms) => [
    svg("line", { class: "swb-grid", x1: MARGIN.left, x2: end, y1: scale.y(ms), y2: scale.y(ms) }),
    svg("text", { x: MARGIN.left - 7, y: scale.y(ms) + 4, "text-anchor": "end" }, short(ms)),
  ]);
  const middle = (MARGIN.top + base) / 2;
  return svg("g", { "aria-hidden": "true" }, ...vertical.flat(), ...horizontal.flat(),
    svg("line", { class: "swb-axis", x1: MARGIN.left, x2: end, y1: base, y2: base }),
    svg("text", { x: (MARGIN.left + end) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, "answered requests per second"),
    svg("text", { x: 14, y: middle, "text-anchor": "middle", transform: `rotate(-90 14 ${middle})` }, "latency in ms (log)"));
}

function describe(curve, point, name) {
  const value = (quantile) => `${quantile} ${short(point[quantile])} ms`;
  return [`${curve.label}, ${point.load}`, `${short(point.rate)} answered/s`,
    [name, ...["p50", "p95", "p99"].filter((other) => other !== name)].map(value).join(", "), point.verdict]
    .filter(Boolean).join("\n");
}

function series(curve, index, quantiles, scale, tip) {
  const drawn = quantiles.map((name) => {
    const points = curve.points.filter((point) => point[name] > 0);
    const path = points.map((point) => `${scale.x(point.rate).toFixed(1)},${scale.y(point[name]).toFixed(1)}`).join(" ");
    const marks = points.map((point) => {
      const x = scale.x(point.rate), y = scale.y(point[name]);
      return fill(MARKS[index % MARKS.length](x, y), {
        class: "swb-point", "data-hollow": !point.good, tabindex: 0, role: "img",
        "aria-label": describe(curve, point, name).replaceAll("\n", ", "),
        onfocus: () => tip.show(x, y, describe(curve, point, name)), onblur: tip.hide,
        onmouseenter: () => tip.show(x, y, describe(curve, point, name)), onmouseleave: tip.hide,
      }, []);
    });
    return [svg("polyline", { class: "swb-series-line", points: path, "stroke-dasharray": DASH[name] }), ...marks];
  });
  return svg("g", { class: `swb-series-${index % 5}` }, ...drawn.flat());
}

function legend(curves, quantiles) {
  const sample = (dash) => svg("svg", { viewBox: "0 0 24 10", "aria-hidden": "true" },
    svg("line", { class: "swb-series-line", x1: 0, x2: 24, y1: 5, y2: 5, "stroke-dasharray": dash }));
  const mark = (index) => svg("svg", { viewBox: "0 0 24 10", "aria-hidden": "true" },
    svg("line", { class: "swb-series-line", x1: 0, x2: 24, y1: 5, y2: 5 }),
    fill(MARKS[index % MARKS.length](12, 5), { class: "swb-point" }, []));
  return html("div", { class: "swb-legend" },
    curves.map((curve, index) =>
      html("span", {}, html("span", { class: `swb-series-${index % 5}`, style: "display: inline-flex" }, mark(index)), curve.label)),
    quantiles.map((name) => html("span", {}, sample(DASH[name]), name)));
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
  const caption = html("div", {});
  el.append(caption, root);
  return redraw(model, root, ["curves", "slo_ms", "quantiles"], (width) => {
    const curves = model.get("curves"), quantiles = model.get("quantiles"), slo = model.get("slo_ms");
    const scale = scales(curves, quantiles, slo, width);
    const tip = tooltip(root);
    const nothing = curves.every((curve) => !curve.points.length);
    const line = slo
      ? [svg("line", { class: "swb-slo", x1: MARGIN.left, x2: width - MARGIN.right, y1: scale.y(slo), y2: scale.y(slo) }),
        svg("text", { class: "swb-slo-name", x: width - MARGIN.right, y: scale.y(slo) - 5, "text-anchor": "end" }, `SLO ${short(slo)} ms`)]
      : [];
    caption.replaceChildren(legend(curves, nothing ? [] : quantiles));
    root.replaceChildren(
      svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT, role: "group", "aria-label": model.get("summary") },
        axes(scale, width), ...line,
        ...curves.map((curve, index) => series(curve, index, quantiles, scale, tip)),
        nothing ? svg("text", { class: "swb-empty", x: width / 2, y: HEIGHT / 2 - 10, "text-anchor": "middle" },
          "Run a sweep: each point appears as soon as it is measured.") : null),
      tip.box);
  });
}

export default { render };
