// The block explorer: weights go in, codes and scales of three formats come out, in float32 as gb10docs.formats has it.
(() => {
  "use strict";

  const f32 = Math.fround;
  const bitsOf = (x) => new Uint32Array(Float32Array.of(x).buffer)[0];
  const floatOf = (bits) => new Float32Array(Uint32Array.of(bits).buffer)[0];
  const largest = (values) => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const isNegative = (x) => x < 0 || Object.is(x, -0);
  const sum = (values) => values.reduce((total, x) => total + x, 0);
  const each = (values, length, make) =>
    Array.from({ length: values.length / length }, (_, at) => make(values.slice(at * length, (at + 1) * length)));

  const roundEven = (x) => {
    const below = Math.floor(x);
    if (x - below !== 0.5) return Math.round(x);
    return below % 2 ? below + 1 : below;
  };

  // E2M1: sign, two exponent bits, one mantissa bit.
  const E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
  const e2m1Value = (code) => (code & 8 ? -E2M1[code & 7] : E2M1[code]);

  const e2m1Code = (x, negative) => {
    const size = Math.abs(x);
    let code = 0;
    while (code < 7) {
      const middle = (E2M1[code] + E2M1[code + 1]) / 2;
      if (size < middle || (size === middle && code % 2 === 0)) break;
      code += 1;
    }
    return code | (negative ? 8 : 0);
  };

  // E4M3 without a sign: bytes 0 to 0x7E rise with their values.
  const e4m3Value = (byte) => (byte < 8 ? byte * 2 ** -9 : (8 + (byte & 7)) * 2 ** ((byte >> 3) - 10));

  const e4m3Byte = (x) => {
    let byte = 0;
    while (byte < 0x7e) {
      const middle = (e4m3Value(byte) + e4m3Value(byte + 1)) / 2;
      if (x < middle || (x === middle && byte % 2 === 0)) break;
      byte += 1;
    }
    return byte;
  };

  const bf16Bits = (x) => (bitsOf(x) + 0x7fff + ((bitsOf(x) >>> 16) & 1)) >>> 16;

  // Each format: { codes, scales (as stored), steps (what a code's unit is worth), values (restored) }.
  const formats = {
    nvfp4(values, tensorLargest) {
      const tensorScale = f32(f32(tensorLargest) / 2688);
      const scales = each(values, 16, (block) => {
        const scale = f32(largest(block) / f32(6 * tensorScale));
        return e4m3Byte(Math.max(scale || 1, 2 ** -9));
      });
      const steps = scales.map((byte) => f32(e4m3Value(byte) * tensorScale));
      const codes = values.map((x, at) => {
        const scaled = f32(x / steps[at >> 4]);
        return e2m1Code(scaled, scaled < 0);
      });
      return { codes, scales, steps, values: codes.map((code, at) => f32(e2m1Value(code) * steps[at >> 4])) };
    },

    mxfp4(values) {
      const scales = each(values, Math.min(32, values.length), (block) =>
        Math.max((bitsOf(largest(block)) >>> 23) - 2, 0),
      );
      const steps = scales.map((byte) => 2 ** (byte - 127));
      const codes = values.map((x, at) => e2m1Code(f32(x / steps[at >> 5]), isNegative(x)));
      return { codes, scales, steps, values: codes.map((code, at) => f32(e2m1Value(code) * steps[at >> 5])) };
    },

    int4(values) {
      const scales = [bf16Bits(f32(largest(values) / 7.5)) || bf16Bits(2 ** -7)];
      const steps = scales.map((bits) => floatOf(bits << 16));
      const codes = values.map((x) => roundEven(Math.min(Math.max(f32(x / steps[0]), -8), 7)) + 8);
      return { codes, scales, steps, values: codes.map((code) => f32((code - 8) * steps[0])) };
    },
  };

  globalThis.gb10docsFormats = formats;

  const NAMES = { nvfp4: "NVFP4", mxfp4: "MXFP4", int4: "INT4" };
  const POSITIONS = 100;
  const TIES = [6, 5, 3.5, 2.5, 1.75, 1.25, 0.75, 0.25];
  // From the model's weights and the largest of its tensor: the weights of the example; and its own largest.
  const EXAMPLES = {
    weights: ["Weights of a model", (model) => model],
    outlier: ["One outlier", (model) => model.map((x, at) => (at === 3 ? 8 * largest(model) : x))],
    clipped: ["Largest just below a power of two", (model) => model.map((x) => (x / largest(model)) * 0.1249)],
    ties: ["Halfway between two codes", (model) => model.map((_, at) => TIES[at % 8] * (at % 16 < 8 ? 1 : -1)), 2688],
    small: ["Small for its tensor", (model, most) => model.map((x) => (x / largest(model)) * most * 1e-5)],
    zeros: ["All zero", (model) => model.map(() => 0)],
  };

  const withMinus = (text) => text.replaceAll("-", "−");
  const brief = (x) => withMinus(x === 0 || (x >= 0.001 && x < 1000) ? `${Number(x.toPrecision(3))}` : x.toExponential(2));
  const hex = (number, digits = 2) => number.toString(16).padStart(digits, "0");

  const decibels = (weights, values) => {
    const signal = sum(weights.map((x) => x * x));
    const noise = sum(weights.map((x, at) => (x - values[at]) ** 2));
    return noise ? withMinus(`${(10 * Math.log10(signal / noise)).toFixed(1)} dB`) : "exact";
  };

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const swatch = (key) => make("i", { class: `gb-explorer__swatch gb-explorer__mark--${key}` });
  const field = (name) => make("input", { "aria-label": name, inputmode: "decimal", autocomplete: "off", size: 8 });
  const labelled = (name, control) => make("label", {}, `${name} `, control);
  const choice = (name, options) =>
    make(
      "select",
      { "aria-label": name },
      ...Object.entries(options).map(([value, text]) => make("option", { value }, text)),
    );

  class Explorer {
    constructor(place) {
      this.model = place.dataset.weights.split(" ").map(f32);
      this.largestOfModel = f32(place.dataset.largest);
      this.size = choice("Weights", { 16: "16", 32: "32" });
      const titles = Object.entries(EXAMPLES).map(([key, [title]]) => [key, title]);
      this.example = choice("Example", Object.fromEntries(titles));
      this.most = field("Largest in the tensor");
      this.chart = make("div", { class: "gb-explorer__chart" });
      this.verdict = make("output");
      this.cards = make("div", { class: "gb-explorer__cards" });
      this.rows = make("tbody");
      place.role = "group";
      place.ariaLabel = "Block explorer";
      place.replaceChildren(this.controls(), this.chart, this.legend(), this.verdict, this.cards, this.table());
      this.size.addEventListener("change", () => this.start());
      this.example.addEventListener("change", () => this.start());
      this.most.addEventListener("input", () => {
        const most = this.read(this.most);
        if (!most) return;
        this.tensorLargest = most;
        this.update();
      });
      this.start();
    }

    controls() {
      return make(
        "div",
        { class: "gb-explorer__controls" },
        labelled("Weights", this.size),
        labelled("Example", this.example),
        labelled("Largest in the tensor", this.most),
      );
    }

    legend() {
      const keys = Object.entries(NAMES).map(([key, name]) => make("span", {}, swatch(key), name));
      const weight = make("span", {}, swatch("weight"), "weight: drag it, or type it below");
      return make("p", { class: "gb-explorer__legend" }, weight, ...keys);
    }

    table() {
      const heads = ["#", "Weight", ...Object.values(NAMES)].map((text) => make("th", { scope: "col" }, text));
      return make("table", { class: "gb-explorer__table" }, make("thead", {}, make("tr", {}, ...heads)), this.rows);
    }

    /** Begin with the chosen example. */
    start() {
      const [, weights, ownLargest] = EXAMPLES[this.example.value];
      this.tensorLargest = f32(ownLargest ?? this.largestOfModel);
      this.weights = weights(this.model.slice(0, Number(this.size.value)), this.tensorLargest).map(f32);
      this.reach = 1.2 * (largest(this.weights) || largest(this.model));
      this.columns = this.weights.map((_, at) => this.column(at));
      this.lines = this.weights.map((weight, at) => this.line(weight, at));
      this.chart.replaceChildren(...this.columns.map(({ element }) => element));
      this.rows.replaceChildren(...this.lines.map(({ element }) => element));
      this.write(this.most, `${Number(this.tensorLargest.toPrecision(6))}`);
      this.update();
    }

    column(at) {
      const range = make("input", { type: "range", min: -POSITIONS, max: POSITIONS, "aria-label": `Weight ${at + 1}` });
      const marks = Object.keys(NAMES).map((key) => make("i", { class: `gb-explorer__mark gb-explorer__mark--${key}` }));
      range.addEventListener("input", () => {
        this.weights[at] = f32((range.valueAsNumber / POSITIONS) * this.reach);
        this.write(this.lines[at].input, this.text(this.weights[at]));
        this.update();
      });
      return { element: make("div", { class: "gb-explorer__column" }, ...marks, range), marks, range };
    }

    line(weight, at) {
      const input = field(`Weight ${at + 1}, typed`);
      this.write(input, this.text(weight));
      input.addEventListener("input", () => {
        const typed = this.read(input);
        if (typed === undefined) return;
        this.weights[at] = typed;
        this.reach = Math.max(this.reach, largest(this.weights));
        this.update();
      });
      const cells = Object.keys(NAMES).map(() => make("td"));
      const head = make("th", { scope: "row" }, `${at + 1}`);
      return { element: make("tr", {}, head, make("td", {}, input), ...cells), input, cells };
    }

    /** What was typed, as float32; undefined, and marked so, where it is no number that float32 squares well. */
    read(input) {
      const x = f32(input.value.trim().replace("−", "-") || NaN);
      const right = x === 0 || (Math.abs(x) > 1e-15 && Math.abs(x) < 1e15);
      input.ariaInvalid = right ? null : "true";
      return right ? x : undefined;
    }

    write(input, text) {
      input.value = text;
      input.ariaInvalid = null;
    }

    /** A number at the chart's scale: as many digits as tell two weights apart. */
    text(x) {
      if (x === 0) return "0";
      const digits = 3 - Math.floor(Math.log10(this.reach));
      return digits >= 0 && digits <= 6 ? x.toFixed(digits) : x.toExponential(1);
    }

    update() {
      const { weights, reach } = this;
      const most = Math.max(Math.abs(this.tensorLargest), largest(weights));
      const results = Object.entries(formats).map(([key, quantize]) => ({ key, ...quantize(weights, most) }));
      weights.forEach((weight, at) => this.draw(at, weight / reach, results));
      this.cards.replaceChildren(...results.map((result) => this.card(result)));
      const ratios = results.map(({ key, values }) => `${NAMES[key]} ${decibels(weights, values)}`);
      this.verdict.textContent = `Signal to noise: ${ratios.join(", ")}.`;
    }

    draw(at, share, results) {
      const { element, marks, range } = this.columns[at];
      element.style.setProperty("--at", share);
      range.value = Math.round(share * POSITIONS);
      range.setAttribute("aria-valuetext", withMinus(this.text(this.weights[at])));
      results.forEach(({ codes, values }, format) => {
        const error = values[at] - this.weights[at];
        marks[format].style.setProperty("--at", values[at] / this.reach);
        this.lines[at].cells[format].replaceChildren(
          make("code", {}, codes[at].toString(2).padStart(4, "0")),
          make("span", {}, withMinus(this.text(values[at]))),
          make("small", {}, `${error > 0 ? "+" : ""}${withMinus(this.text(error))}`),
        );
      });
    }

    card({ key, codes, scales, steps, values }) {
      const stored = scales.map((scale) => hex(scale, key === "int4" ? 4 : 2)).join(" ");
      const bytes = each(codes, 2, ([low, high]) => hex(low | (high << 4))).join(" ");
      const facts = {
        "Scale": steps.map(brief).join(", "),
        "Largest error": brief(largest(values.map((x, at) => x - this.weights[at]))),
        "Stored scale": make("code", {}, stored),
        "Stored codes": make("code", {}, bytes),
      };
      const list = Object.entries(facts).map(([term, fact]) =>
        make("div", {}, make("dt", {}, term), make("dd", {}, fact)),
      );
      const title = make("p", {}, make("span", {}, swatch(key), NAMES[key]), make("strong", {}, decibels(this.weights, values)));
      return make("div", { class: "gb-explorer__card" }, title, make("dl", {}, ...list));
    }
  }

  for (const place of document.querySelectorAll('[data-figure="block-explorer"]')) new Explorer(place);
})();
