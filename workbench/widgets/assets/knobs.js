// A form of native controls, so that keyboards and screen readers know them. Python hears of a value when
// the user lets go of it, not while it is dragged.
function optionsOf(knob, value) {
  return [...new Set([...knob.options, value])].sort((a, b) => a - b);
}

function render({ model, el }) {
  el.classList.add("swb");
  const form = html("div", { class: "swb-knobs", role: "group", "aria-label": "Batching parameters" });
  el.append(form);

  const assign = (name, value) => {
    model.set("values", { ...model.get("values"), [name]: value });
    model.save_changes();
  };
  const slider = (knob, value, id) => {
    const options = optionsOf(knob, value);
    const output = html("output", { for: id }, value.toLocaleString());
    const label = (input) => {
      const chosen = options[input.value];
      output.textContent = chosen.toLocaleString();
      input.setAttribute("aria-valuetext", `${chosen} ${knob.unit}`);
      return chosen;
    };
    const input = html("input", { type: "range", id, min: 0, max: options.length - 1, step: 1,
      oninput: (event) => label(event.target), onchange: (event) => assign(knob.name, label(event.target)) });
    input.value = options.indexOf(value);
    label(input);
    return [input, output];
  };
  const flag = (knob, value, id) => {
    const input = html("input", { type: "checkbox", id, onchange: (event) => assign(knob.name, event.target.checked) });
    input.checked = value;
    return [html("span", {}, input), html("output", { for: id }, value ? "on" : "off")];
  };
  const text = (knob, value, id) =>
    [html("input", { type: "text", id, value, placeholder: knob.placeholder,
      onchange: (event) => assign(knob.name, event.target.value) }), html("output", { for: id })];
  const controls = { slider, flag, text };

  const line = (knob) => {
    const id = `${model.get("_id")}-${knob.name}`;
    const value = model.get("values")[knob.name], present = model.get("in_force")[knob.name];
    const edited = present !== undefined && present !== value;
    const parts = controls[knob.kind](knob, value, id);
    const off = !model.get("values").enabled && knob.name !== "enabled";
    parts.forEach((part) => part.querySelector?.("input") ?? (part.disabled = off));
    const was = typeof present === "boolean" ? (present ? "on" : "off") : present === "" ? "none" : present?.toLocaleString();
    return [html("label", { for: id }, knob.label), ...parts,
      html("span", { class: "swb-hint", "data-edited": edited }, edited ? `in force: ${was}` : knob.hint)];
  };
  const draw = () => {
    const focused = form.contains(document.activeElement) ? document.activeElement.id : "";
    form.replaceChildren(...model.get("knobs").flatMap(line));
    // A redraw must not take the keyboard's place away.
    if (focused) form.querySelector(`[id="${focused}"]`)?.focus();
  };
  const events = ["change:values", "change:in_force", "change:knobs"];
  events.forEach((event) => model.on(event, draw));
  draw();
  return () => events.forEach((event) => model.off(event, draw));
}

export default { render };
