// The fit-and-speed calculator: gb10docs.roofline once more, on the shapes, formats and machines that the page brings.
(() => {
  "use strict";

  const NO_ROOM = "does not fit";
  const sum = (values) => values.reduce((total, value) => total + value, 0);

  // What `gb10docs.roofline.estimate` computes, in the same order. Bytes, seconds and tokens a second.
  const estimate = (tables, { model: name, format: stored, machine: on, cache, batch, context }) => {
    const model = tables.models[name];
    const format = tables.formats[stored];
    const machine = tables.machines[on];
    const { values } = model;
    const tflops = (bits) => (machine.tflops[bits] ?? machine.tflops[16]) * 1e12 * machine.devices;
    const bytes = (part) => (values[part] * (format.bits[part] ?? format.others)) / 8;

    const touched = model.experts && model.experts * (1 - (1 - model.experts_used / model.experts) ** batch);
    const share = model.experts ? touched / model.experts : 0;
    const reads = { embedding: model.tied ? 1 : 0, experts: share, expert_biases: share, vision: 0 };
    const weights = sum(Object.keys(values).map(bytes));
    const read = sum(Object.keys(values).map((part) => bytes(part) * (reads[part] ?? 1)));

    const tokens = model.full_layers * context + model.window_layers * Math.min(context, model.window);
    const ofTokens = tokens * model.cache_values * tables.caches[cache];
    const kept = batch * (ofTokens + model.state_bytes);

    const used = model.experts ? model.experts_used / model.experts : 0;
    const narrow = 2 * (values.attention + values.mlp + values.experts * used);
    const head = values.head || values.embedding;
    const wide = 2 * (values.router + head) + 4 * model.attention_width * tokens;
    const window = Math.min(context, model.window);
    const seen =
      model.full_layers * ((context * (context + 1)) / 2) +
      model.window_layers * (context * window - (window * (window - 1)) / 2);
    const prompt = context * 2 * values.router + 4 * model.attention_width * seen;

    const memory = (machine.memory_gb - machine.reserved_gb) * 1e9 * machine.devices;
    const overhead = tables.overhead * machine.devices;
    const needed = weights + kept + overhead;
    const memoryTime = (read + kept) / (machine.bandwidth_gb_s * 1e9 * machine.devices);
    const arithmeticTime = batch * (narrow / tflops(format.arithmetic) + wide / tflops(16));
    const step = Math.max(memoryTime, arithmeticTime);
    const prefillTime = (context * narrow) / tflops(format.arithmetic) + prompt / tflops(16);
    return {
      weights, kept, overhead, needed, memory, touched, prefillTime,
      read: read + kept,
      keptPerToken: (model.full_layers + model.window_layers) * model.cache_values * tables.caches[cache],
      keptPerTokenBeyond:
        (model.full_layers + (context >= model.window ? 0 : model.window_layers)) * model.cache_values * tables.caches[cache],
      verdict: needed / memory > 1 ? NO_ROOM : needed / memory > tables.tight ? "tight" : "fits",
      limit: memoryTime >= arithmeticTime ? "memory" : "arithmetic",
      ceiling: batch / step,
      each: 1 / step,
      prefill: prefillTime ? context / prefillTime : 0,
    };
  };

  const number = (value, digits = 0) => {
    const [whole, decimals] = value.toFixed(digits).split(".");
    return [whole.replace(/\B(?=(\d{3})+$)/g, ","), ...(digits ? [decimals] : [])].join(".");
  };
  const gigabytes = (size) => `${number(size / 1e9, 2)} GB`;
  const speed = (value) => `${number(value, 1)} tok/s`;

  const perToken = (made, { window, state_bytes: state }) => {
    const { keptPerToken: first, keptPerTokenBeyond: then } = made;
    const beyond = then === first ? "" : ` up to ${number(window)}, then ${number(then)}`;
    return `${number(first)} bytes a token${beyond}${state ? `, and ${number(state / 1e6, 1)} MB a sequence` : ""}`;
  };

  // What `gb10docs.roofline.shown` shows, to the digit.
  const shown = (tables, choice) => {
    const made = estimate(tables, choice);
    const model = tables.models[choice.model];
    const { experts } = model;
    const [low, high] = tables.band;
    return {
      weights: gigabytes(made.weights),
      cache: gigabytes(made.kept),
      cache_per_token: perToken(made, model),
      overhead: gigabytes(made.overhead),
      needed: gigabytes(made.needed),
      memory: gigabytes(made.memory),
      verdict: made.verdict,
      read: gigabytes(made.read),
      read_per_token: gigabytes(made.read / choice.batch),
      experts: experts ? `${number(made.touched, 1)} of ${experts}` : "",
      ceiling: speed(made.ceiling),
      ceiling_each: speed(made.each),
      limit: made.limit,
      expected: made.verdict === NO_ROOM ? "" : `${number(made.ceiling * low, 1)} to ${speed(made.ceiling * high)}`,
      prefill: `${number(made.prefill)} tok/s`,
      prefill_time: `${number(made.prefillTime, 2)} s`,
    };
  };

  const suits = (model, format) => model.experts > 0 || !Object.keys(format.bits).length || "mlp" in format.bits;

  globalThis.gb10docsFit = { estimate, shown, suits };

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const labelled = (key, name, control) => {
    control.id = `gb-fit-${key}`;
    return make("div", {}, make("label", { for: control.id }, name), control);
  };
  const select = (options) => make("select", {}, ...options.map(([value, text]) => make("option", { value }, text)));
  const titles = (rows) => Object.entries(rows).map(([name, { title }]) => [name, title ?? name]);
  const NAMES = {
    model: "Model", format: "Format", machine: "Machine", cache: "KV cache", batch: "Batch", context: "Context, tokens",
  };
  const PIECES = ["weights", "kept", "overhead"];

  class Calculator {
    constructor(place) {
      this.tables = JSON.parse(place.dataset.tables);
      const { models, formats, machines, caches, most } = this.tables;
      const whole = (value, least, top) =>
        make("input", { type: "number", inputmode: "numeric", min: least, max: top, step: 1, value });
      this.controls = {
        model: select(titles(models)),
        format: select(titles(formats)),
        machine: select(titles(machines)),
        cache: select(Object.keys(caches).map((name) => [name, name.toUpperCase()])),
        batch: whole(1, 1, most.batch),
        context: whole(4096, 0, most.context),
      };
      this.verdict = make("p", { class: "gb-fit__verdict", role: "status" });
      this.bar = make("div", { class: "gb-fit__bar", "aria-hidden": "true" });
      this.facts = make("div", { class: "gb-fit__facts" });
      this.notes = make("ul", { class: "gb-fit__notes" });
      place.replaceChildren(
        make("div", { class: "gb-fit__controls" }, ...Object.entries(NAMES).map(([key, name]) => labelled(key, name, this.controls[key]))),
        this.verdict,
        this.bar,
        this.facts,
      );
      place.role = "group";
      place.ariaLabel = "Fit and speed";
      for (const control of Object.values(this.controls)) control.addEventListener("input", () => this.update(control));
      this.controls.format.value = models[this.controls.model.value].format;
      this.update();
    }

    update(source) {
      const { controls, tables } = this;
      const model = tables.models[controls.model.value];
      for (const option of controls.format.options) option.disabled = !suits(model, tables.formats[option.value]);
      if (source === controls.model || controls.format.selectedOptions[0].disabled) controls.format.value = model.format;
      const counts = [controls.batch, controls.context];
      for (const input of counts) input.ariaInvalid = input.checkValidity() && input.value ? null : "true";
      const wrong = counts.find((input) => input.ariaInvalid);
      if (wrong) {
        this.verdict.textContent = `Write a whole number from ${number(Number(wrong.min))} to ${number(Number(wrong.max))}.`;
        return;
      }
      const choice = Object.fromEntries(Object.entries(controls).map(([key, control]) => [key, control.value]));
      choice.batch = Number(choice.batch);
      choice.context = Number(choice.context);
      this.show(choice, model);
    }

    show(choice, model) {
      const told = shown(this.tables, choice);
      const made = estimate(this.tables, choice);
      this.verdict.textContent =
        `${told.verdict[0].toUpperCase()}${told.verdict.slice(1)}: ${told.needed} of ${told.memory}. ` +
        `At most ${told.ceiling}${told.expected ? `; expect ${told.expected}` : ""}.`;
      const most = Math.max(made.needed, made.memory);
      this.bar.replaceChildren(
        ...PIECES.map((piece) => {
          const part = make("i", { class: `gb-fit__piece gb-fit__piece--${piece}` });
          part.style.setProperty("--share", made[piece] / most);
          return part;
        }),
        make("i", { class: "gb-fit__end" }),
      );
      this.bar.style.setProperty("--end", made.memory / most);
      this.facts.replaceChildren(...this.groups(told, choice).map(([title, rows]) => this.group(title, rows)), this.notes);
      this.notes.replaceChildren(...this.told(choice, model).map((note) => make("li", {}, note)));
    }

    groups(told, { context }) {
      const decode = [
        ["Read a step", told.read],
        ["Read a token", told.read_per_token],
        ...(told.experts ? [["Experts read, a layer", told.experts]] : []),
        ["Ceiling", told.ceiling],
        ["Ceiling of each sequence", told.ceiling_each],
        ...(told.expected ? [["Expected", told.expected]] : []),
        ["Limit", told.limit],
      ];
      return [
        ["Memory, estimated", [
          ["Weights", told.weights, "weights"],
          ["KV cache", told.cache, "kept"],
          ["The cache grows by", told.cache_per_token],
          ["Overhead", told.overhead, "overhead"],
          ["Needed", told.needed],
          ["There is", told.memory],
        ]],
        ["Decode", decode],
        ...(context ? [["Prefill", [["Ceiling", told.prefill], ["Time, at least", told.prefill_time]]]] : []),
      ];
    }

    group(title, rows) {
      const lines = rows.map(([term, what, piece]) => {
        const key = piece ? [make("i", { class: `gb-fit__key gb-fit__piece--${piece}` })] : [];
        return make("div", {}, make("dt", {}, ...key, term), make("dd", {}, what));
      });
      return make("div", { class: "gb-fit__group" }, make("p", {}, title), make("dl", {}, ...lines));
    }

    told({ format, machine, batch, context }, model) {
      const { formats, machines, routing } = this.tables;
      const stays = `${formats[format].title}: ${formats[format].stays}.`;
      const notes = [...model.notes, stays, ...machines[machine].notes];
      if (model.experts && batch > 1) notes.push(routing);
      if (model.positions && model.positions < context) notes.push(`The model was made for ${number(model.positions)} tokens.`);
      return notes;
    }
  }

  for (const place of document.querySelectorAll('[data-figure="fit-and-speed"]')) new Calculator(place);
})();
