// A form of native controls, so that keyboards and screen readers know them. Python hears of a value when
// the user lets go of it, not while it is dragged.
function slider(knob, value, id, assign) {
  const options = [...new Set([...knob.options, value])].sort((a, b) => a - b);
  const output = html("output", { for: id });
  const tell = (input) => {
    const chosen = options[input.value];
    output.textContent = chosen.toLocaleString();
    input.setAttribute("aria-valuetext", `${chosen} ${knob.unit}`);
    return chosen;
  };
  const input = html("input", {
    type: "range",
    id,
    min: 0,
    max: options.length - 1,
    step: 1,
    oninput: (event) => tell(event.target),
    onchange: (event) => assign(tell(event.target)),
  });
  input.value = options.indexOf(value);
  tell(input);
  return [input, output];
}

function flag(knob, value, id, assign) {
  const input = html("input", { type: "checkbox", id, onchange: (event) => assign(event.target.checked) });
  input.checked = value;
  return [input, html("output", { for: id }, words(value))];
}

function text(knob, value, id, assign) {
  const { placeholder } = knob;
  const onchange = (event) => assign(event.target.value);
  return [html("input", { type: "text", id, value, placeholder, onchange }), html("output", { for: id })];
}

const CONTROLS = { slider, flag, text };

function words(value) {
  if (typeof value === "boolean") return value ? "on" : "off";
  return value === "" ? "none" : value.toLocaleString();
}

function line(knob, id, values, inForce, assign) {
  const value = values[knob.name];
  const edited = knob.name in inForce && inForce[knob.name] !== value;
  const [input, output] = CONTROLS[knob.kind](knob, value, id, (chosen) => assign(knob.name, chosen));
  input.disabled = values.enabled === false && knob.name !== "enabled";
  const hint = edited ? `in force: ${words(inForce[knob.name])}` : knob.hint;
  return [
    html("label", { for: id }, knob.label),
    html("span", {}, input),
    output,
    html("span", { class: "swb-hint", "data-edited": edited }, hint),
  ];
}

function render({ model, el }) {
  el.classList.add("swb");
  const form = html("div", { class: "swb-knobs", role: "group", "aria-label": model.get("title") });
  el.append(form);

  const assign = (name, value) => {
    model.set("values", { ...model.get("values"), [name]: value });
    model.save_changes();
  };
  const draw = () => {
    const focused = form.contains(document.activeElement) ? document.activeElement.id : "";
    const [values, inForce] = [model.get("values"), model.get("in_force")];
    const lines = model.get("knobs").map((knob) => [knob, `${model.get("_id")}-${knob.name}`]);
    form.replaceChildren(...lines.flatMap(([knob, id]) => line(knob, id, values, inForce, assign)));
    // A redraw must not take the keyboard's place away.
    if (focused) form.querySelector(`[id="${focused}"]`)?.focus();
  };
  const events = ["change:values", "change:in_force", "change:knobs"];
  events.forEach((event) => model.on(event, draw));
  draw();
  return () => events.forEach((event) => model.off(event, draw));
}

export default { render };
