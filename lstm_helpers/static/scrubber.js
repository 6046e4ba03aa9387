/* The gate scrubber: one run of an LSTM, looked at step by step.

   This module draws. It computes nothing of the LSTM: the kernel sends the whole run once, as 32-bit
   floats, and moving through time is a matter of looking up and painting. It serves the notebook
   (anywidget calls `render` with its model) and a plain HTML page (which hands in a model of a few lines).

   From top to bottom: reading the run, small helpers, building the page, drawing it, wiring it up.
   Drawing goes one way: something changes `state`, `draw(ui, state)` paints what state says.

   What tests may read:
     root          [data-testid="gate-scrubber"]   data-t data-unit data-batch data-first data-playing
     heatmap       canvas[data-gate="i"]           data-value (the picked unit's value at t), data-first, data-columns,
                                                   data-rows, data-per-row; one canvas pixel is one cell
     wire          [data-wire="f_c"]               data-value; text of the same. Wires: c_prev f_c c i_g g f i o tanh_c
                                                   h h_prev, and x where there are at most three inputs
     ghost's wire  [data-was="f_c"]                data-value
     pipe, valve   [data-pipe="c"] [data-valve="f"] data-width, data-opening
     curve         [data-curve="i"]                data-value at the cursor; [data-line="i"] is its path
     controls      [data-action="first|previous|play|next|last|t|unit|batch"]
     texts         [data-text="where|sentence|note|view"]
*/

const COLUMNS = 60; // steps shown at a time; more would be thinner than a token is wide
const ROWS = 32; // rows of a heatmap; with more units, each row is the mean of a few neighbours
const MARGIN = 5; // steps that stay in sight ahead of the cursor
const BEAT = 500; // milliseconds per step while playing
const CALM_BEAT = 1000; // the same for readers who asked for less motion

// ---------------------------------------------------------------------------- the run

/* Give the numbers of a run names: at("f", t, batch, unit), with t = -1 for the states before the first step. */
function readRun({ header, data, ghost }) {
  const { T, N, H, style } = header;
  const lookup = (view) => {
    // A copy, because a view into a message need not start at a multiple of four. Little-endian on both sides.
    const values = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
    const block = T * N * H;
    const before = { c: 6 * block, h: 6 * block + N * H };
    return (signal, t, batch, unit) =>
      t < 0
        ? values[before[signal] + batch * H + unit]
        : values[style.signals.indexOf(signal) * block + (t * N + batch) * H + unit];
  };
  return { ...header, at: lookup(data), was: ghost ? lookup(ghost) : null };
}

/* What flows through each wire of the diagram at one step of one unit. */
function wireValues(at, t, batch, unit) {
  const value = (signal, step) => at(signal, step, batch, unit);
  const wires = { c_prev: value("c", t - 1), h_prev: value("h", t - 1) };
  for (const signal of ["i", "f", "g", "o", "c", "h"]) wires[signal] = value(signal, t);
  wires.f_c = wires.f * wires.c_prev;
  wires.i_g = wires.i * wires.g;
  wires.c_tanh = wires.c;
  wires.tanh_c = Math.tanh(wires.c);
  return wires;
}

/* The part of the run that is in sight: it moves only when the cursor would leave it. */
function viewOf(state) {
  const { T, H } = state.run;
  const columns = Math.min(T, COLUMNS);
  const margin = Math.min(MARGIN, Math.floor((columns - 1) / 2));
  const first = clamp(state.first, state.t - columns + 1 + margin, state.t - margin);
  const perRow = Math.ceil(H / ROWS);
  return { first: clamp(first, 0, T - columns), columns, perRow, rows: Math.ceil(H / perRow) };
}

// ---------------------------------------------------------------------------- helpers

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const percent = (part) => `${100 * part}%`;

function number(value, digits = 3) {
  const text = Math.abs(value) < 1000 ? value.toFixed(digits) : value.toExponential(2);
  return Number(text) === 0 ? text.replace("-", "") : text.replaceAll("-", "−");
}

function element(tag, attributes = {}, ...children) {
  const isSvg = ["svg", "path", "rect", "circle", "text", "line", "g"].includes(tag);
  const node = isSvg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/* 256 colours along straight lines between a map's few stops. */
function ramp(stops) {
  const rgb = stops.map((hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16)));
  return Array.from({ length: 256 }, (_, k) => {
    const place = (k / 255) * (rgb.length - 1);
    const low = Math.min(Math.floor(place), rgb.length - 2);
    return rgb[low].map((from, channel) => from + (rgb[low + 1][channel] - from) * (place - low));
  });
}

function rangeOf(run, signal) {
  if (signal === "c") return [-run.limit, run.limit];
  return [run.style.gates.includes(signal) ? 0 : -1, 1];
}

function tokenText(run, batch, t) {
  return run.tokens ? run.tokens[batch][t] : null;
}

// ---------------------------------------------------------------------------- building

const ICONS = {
  first: "M3 3v10M13 3L6 8l7 5z",
  previous: "M11 3L4 8l7 5z",
  play: "M4 3l9 5-9 5z",
  pause: "M5 3v10M11 3v10",
  next: "M5 3l7 5-7 5z",
  last: "M13 3v10M3 3l7 5-7 5z",
};

/* Build the page for one shape of run; what depends on t, unit, batch or the numbers is drawn later. */
function build(run) {
  const { style } = run;
  const ui = { buttons: {}, heat: {}, wires: {}, lines: {}, curves: {} };
  const button = (name, title) => {
    const icon = element("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, element("path", { d: ICONS[name] }));
    const attributes = { type: "button", "data-action": name, "aria-label": title, title };
    return (ui.buttons[name] = element("button", attributes, icon));
  };
  const choice = (name, count) => {
    const options = Array.from({ length: count }, (_, k) => element("option", { value: k }, String(k)));
    ui[name] = element("select", { "data-action": name, "aria-label": name }, ...options);
    return element("label", {}, `${name} `, ui[name]);
  };
  ui.slider = element("input", { type: "range", min: 0, max: run.T - 1, step: 1, "data-action": "t", "aria-label": "step" });
  ui.where = element("output", { class: "gs-where", "data-text": "where" });
  ui.sentence = element("p", { class: "gs-sentence", "data-text": "sentence", "aria-live": "polite" });
  ui.note = element("p", { class: "gs-note", "data-text": "note" });
  const toolbar = element(
    "div",
    { class: "gs-toolbar" },
    button("first", "first step (Home)"),
    button("previous", "previous step (←)"),
    button("play", "play or pause (space)"),
    button("next", "next step (→)"),
    button("last", "last step (End)"),
    ui.slider,
    ui.where,
    choice("unit", run.H),
    ...(run.N > 1 ? [choice("batch", run.N)] : []),
  );
  const main = element("div", { class: "gs-main" }, buildHeatmaps(run, ui), buildDiagram(style, ui));
  const panels = [
    buildPanel(run, ui, "valves of the unit: 0 shut, 1 open", style.signals.filter((s) => style.gates.includes(s))),
    buildPanel(run, ui, "what the unit writes, holds and shows", style.signals.filter((s) => !style.gates.includes(s))),
  ];
  ui.panels = panels;
  ui.page = element(
    "div",
    { class: "gs-page" },
    toolbar,
    ui.sentence,
    ui.note,
    main,
    element("div", { class: "gs-curves" }, ...panels.map((panel) => panel.node)),
  );
  return ui;
}

function buildHeatmaps(run, ui) {
  const { style } = run;
  const rows = style.signals.map((signal) => {
    const canvas = element("canvas", { "data-gate": signal, role: "img" });
    const parts = {
      canvas,
      cursor: element("div", { class: "gs-cursor" }),
      mark: element("div", { class: "gs-mark" }),
      padding: element("div", { class: "gs-padding" }),
      value: element("b", { class: "gs-value" }),
      needle: element("div", { class: "gs-needle" }),
      high: element("span"),
      low: element("span"),
    };
    ui.heat[signal] = parts;
    const stops = style.gates.includes(signal) ? style.gateMap : style.stateMap;
    const gradient = element("div", { class: "gs-gradient", style: `background: linear-gradient(to top, ${stops})` }, parts.needle);
    const chip = element("i", { class: "gs-chip", style: `background: ${style.colours[signal]}` });
    return element(
      "div",
      { class: "gs-row" },
      element("div", { class: "gs-name" }, chip, element("b", {}, signal), ` ${style.names[signal]}`, parts.value),
      element("div", { class: "gs-box" }, canvas, parts.padding, parts.mark, parts.cursor),
      element("div", { class: "gs-bar", "aria-hidden": "true" }, gradient, element("div", {}, parts.high, parts.low)),
    );
  });
  ui.axis = element("div", { class: "gs-axis" });
  ui.strip = element("canvas", { height: 1 });
  ui.window = element("div", { class: "gs-window" });
  ui.stripCursor = element("div", { class: "gs-cursor" });
  ui.stripRow = element(
    "div",
    { class: "gs-row gs-strip" },
    element("div", { class: "gs-name" }, "c, whole sequence"),
    element("div", { class: "gs-box" }, ui.strip, ui.window, ui.stripCursor),
  );
  ui.view = element("p", { class: "gs-view", "data-text": "view" });
  const axis = element("div", { class: "gs-row" }, element("div", { class: "gs-name" }, run.tokens ? "token" : "t"), ui.axis);
  return element("div", { class: "gs-heat" }, ...rows, axis, ui.stripRow, ui.view);
}

/* The diagram's shapes come with the data, from the place where the notebooks' pictures have them too. */
function buildDiagram(style, ui) {
  const { diagram, colours } = style;
  const colour = (wire) => colours[diagram.carries[wire] ?? wire];
  const line = (points) => "M" + points.map((point) => point.join(" ")).join("L");
  const [width, height] = diagram.size;
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, class: "gs-diagram", role: "img", "aria-label": "the cell" });

  for (const wire of Object.values(diagram.bus)) svg.append(element("path", { d: line(wire), class: "gs-bus" }));
  for (const [gate, wire] of Object.entries(diagram.controls))
    svg.append(element("path", { d: line(wire), class: "gs-control", stroke: colours[gate] }));
  for (const [name, wire] of Object.entries(diagram.pipes)) {
    const outer = element("path", { d: line(wire), class: "gs-pipe", stroke: colour(name), "data-pipe": name });
    const hollow = element("path", { d: line(wire), class: "gs-pipe gs-hollow" });
    ui.lines[name] = { outer, hollow };
    svg.append(outer, hollow);
  }
  for (const [name, [x, y]] of Object.entries(diagram.arrows))
    svg.append(element("path", { d: `M${x - 2} ${y - 10}l12 10l-12 10z`, fill: colour(name) }));
  for (const [gate, [x, y, direction]] of Object.entries(diagram.valves)) {
    // Drawn lying on a pipe that runs upwards; the one on the pipe across is turned by a quarter.
    const turn = direction === "across" ? `rotate(90 ${x} ${y})` : "";
    const plates = [0, 1].map(() => element("rect", { y: y - 12, height: 24, fill: colours[gate] }));
    const body = element("rect", { x: x - 17, y: y - 13, width: 34, height: 26, rx: 3, class: "gs-shape", stroke: colours[gate] });
    ui.lines[`valve ${gate}`] = { plates, x };
    svg.append(element("g", { transform: turn, "data-valve": gate }, body, ...plates));
  }
  const [plusX, plusY] = diagram.plus;
  svg.append(
    element("circle", { cx: plusX, cy: plusY, r: 12, class: "gs-shape gs-plus" }),
    element("path", { d: `M${plusX - 6} ${plusY}h12M${plusX} ${plusY - 6}v12`, class: "gs-plus" }),
  );
  for (const [name, [x, y, title, formula]] of Object.entries(diagram.boxes)) {
    const [wide, high] = title ? [84, 42] : [54, 32];
    const place = { x: x - wide / 2, y: y - high / 2, width: wide, height: high, rx: 6 };
    svg.append(element("rect", { ...place, class: "gs-shape", stroke: colour(name) }));
    const rows = title ? [[title, y - 4], [formula, y + 13]] : [[formula, y + 5]];
    for (const [text, row] of rows) svg.append(element("text", { x, y: row, class: "gs-box-text" }, text));
  }
  for (const [name, [x, y, anchor, title]] of Object.entries(diagram.labels)) {
    const place = (dy) => ({ x, y: y + dy, "text-anchor": anchor });
    const value = element("text", { ...place(19), class: "gs-wire", "data-wire": name });
    const was = element("text", { ...place(35), class: "gs-was", "data-was": name });
    ui.wires[name] = { value, was };
    svg.append(element("text", { ...place(0), class: "gs-title" }, title), value, was);
  }
  return element("figure", { class: "gs-cell" }, svg, element("figcaption", {}, diagram.note));
}

/* One panel of curves. Everything in it stands in percent, so that it follows the width without a redraw. */
function buildPanel(run, ui, title, signals) {
  const { colours, dashes } = run.style;
  const svg = element("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
  const zero = element("line", { class: "gs-zero", y1: 0, y2: 0 });
  svg.append(zero);
  const panel = { signals, svg, zero, ticks: element("div", { class: "gs-ticks" }), axis: element("div", { class: "gs-axis" }) };
  panel.cursor = element("div", { class: "gs-cursor" });
  panel.padding = element("div", { class: "gs-padding" });
  panel.plot = element("div", { class: "gs-plot" }, panel.padding, svg, panel.cursor, panel.ticks);
  const legend = element("figcaption", { class: "gs-legend" }, element("span", {}, title));
  for (const signal of signals) {
    const ink = { stroke: colours[signal], "stroke-dasharray": dashes[signal].join(" ") };
    const curve = {
      ghost: element("path", { class: "gs-curve gs-ghost", stroke: colours[signal] }),
      path: element("path", { class: "gs-curve", "data-line": signal, ...ink }),
      dot: element("div", { class: "gs-dot", style: `background: ${colours[signal]}` }),
      letter: element("div", { class: "gs-letter" }, signal),
      value: element("b", { "data-curve": signal }),
    };
    ui.curves[signal] = curve;
    svg.append(curve.ghost, curve.path);
    panel.plot.append(curve.dot, curve.letter);
    const sample = element("svg", { viewBox: "0 0 30 8", class: "gs-sample" }, element("path", { d: "M0 4h30", class: "gs-curve", ...ink }));
    legend.append(element("span", {}, sample, `${signal} `, curve.value));
  }
  panel.node = element("figure", { class: "gs-panel" }, legend, panel.plot, panel.axis);
  return panel;
}

// ---------------------------------------------------------------------------- drawing

function draw(ui, state) {
  const { run, t, unit, batch } = state;
  const view = viewOf(state);
  state.first = view.first;
  // Most steps move the cursor only. The pictures behind it are painted when what they show has changed.
  const width = ui.axis.clientWidth;
  const seen = [run.serial, batch, view.first, width].join();
  if (seen !== state.seen) {
    for (const signal of run.style.signals) drawHeatmap(ui.heat[signal], run, signal, batch, view);
    for (const axis of [ui.axis, ...ui.panels.map((panel) => panel.axis)]) drawAxis(axis, run, batch, view);
  }
  if (seen + unit !== state.seen + state.seenUnit) {
    for (const panel of ui.panels) drawCurves(panel, ui, run, batch, unit, view);
    drawStrip(ui, run, batch, unit, view);
  }
  Object.assign(state, { seen, seenUnit: unit });
  drawCursor(ui, state, view);
  drawDiagram(ui, state);
  drawWords(ui, state, view);
  Object.assign(ui.root.dataset, { t, unit, batch, first: view.first, playing: state.timer !== null });
}

function drawHeatmap(heat, run, signal, batch, view) {
  const { canvas } = heat;
  const { first, columns, rows, perRow } = view;
  const [low, high] = rangeOf(run, signal);
  const colours = run.style.gates.includes(signal) ? run.ramps.gate : run.ramps.state;
  Object.assign(canvas, { width: columns, height: rows });
  Object.assign(canvas.dataset, { first, columns, rows, perRow });
  heat.canvas.parentElement.style.height = `${clamp(rows * 1.4, 2.3, rows > 16 ? 5.8 : 5.2)}em`;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let column = 0; column < columns; column++) {
    if (first + column >= run.lengths[batch]) continue; // padding stays transparent
    for (let row = 0; row < rows; row++) {
      const units = Math.min(perRow, run.H - row * perRow);
      let sum = 0;
      for (let k = 0; k < units; k++) sum += run.at(signal, first + column, batch, row * perRow + k);
      const [red, green, blue] = colours[Math.round(255 * clamp((sum / units - low) / (high - low), 0, 1))];
      image.data.set([red, green, blue, 255], 4 * (row * columns + column));
    }
  }
  context.putImageData(image, 0, 0);
  heat.high.textContent = number(high, 0);
  heat.low.textContent = number(low, 0);
  drawPadding(heat.padding, run, batch, view);
}

function drawPadding(node, run, batch, { first, columns }) {
  const from = clamp((run.lengths[batch] - first) / columns, 0, 1);
  node.style.left = percent(from);
  node.hidden = from === 1;
}

/* Tokens, or step numbers, under the columns: every one, or every k-th where they would touch. */
function drawAxis(axis, run, batch, { first, columns }) {
  const room = axis.clientWidth / columns;
  const font = getComputedStyle(axis);
  const pen = (drawAxis.pen ??= document.createElement("canvas").getContext("2d"));
  pen.font = `${font.fontSize} ${font.fontFamily}`;
  const labels = Array.from({ length: columns }, (_, k) => tokenText(run, batch, first + k) ?? String(first + k));
  const widest = Math.min(70, Math.max(...labels.map((label) => pen.measureText(label).width))) + 6;
  const stride = [1, 2, 5, 10, 20, 30].find((k) => k * room >= widest) ?? columns;
  const shown = labels.map((label, k) => [label, k]).filter(([, k]) => (first + k) % stride === 0);
  const here = element("span", { class: "gs-here" });
  axis.replaceChildren(
    ...shown.map(([label, k]) => {
      const place = `left: ${percent((k + 0.5) / columns)}; max-width: ${stride * room}px`;
      return element("span", { style: place }, label);
    }),
    here,
  );
}

function drawCurves(panel, ui, run, batch, unit, { first, columns }) {
  const steps = Math.min(columns, run.lengths[batch] - first);
  const values = (at, signal) => Array.from({ length: Math.max(0, steps) }, (_, k) => at(signal, first + k, batch, unit));
  const signed = panel.signals.includes("c");
  // The unit's own scale, not that of all units: a small cell state should not lie flat on the zero line.
  let high = 1;
  if (signed) for (let t = -1; t < run.T; t++) high = Math.max(high, Math.abs(run.at("c", t, batch, unit)), Math.abs(run.was?.("c", t, batch, unit) ?? 0));
  const low = signed ? -high : 0;
  const pad = 0.06 * (high - low);
  panel.scale = (value) => (high + pad - value) / (high - low + 2 * pad); // 0 at the top, 1 at the bottom
  panel.svg.setAttribute("viewBox", `0 0 ${columns} 1`);
  const zero = { x1: 0, x2: columns, y1: panel.scale(0), y2: panel.scale(0) };
  for (const [name, value] of Object.entries(zero)) panel.zero.setAttribute(name, value);
  const path = (numbers) => numbers.map((value, k) => `${k ? "L" : "M"}${k + 0.5} ${panel.scale(value)}`).join("");
  for (const signal of panel.signals) {
    const curve = ui.curves[signal];
    curve.path.setAttribute("d", path(values(run.at, signal)));
    curve.ghost.setAttribute("d", run.was ? path(values(run.was, signal)) : "");
  }
  const ticks = [high, (high + low) / 2, low];
  panel.ticks.replaceChildren(
    ...ticks.map((value) => element("span", { style: `top: ${percent(panel.scale(value))}` }, number(value, high > 1 || signed ? (high < 10 && high > 1 ? 1 : 0) : 1))),
  );
  // A letter at the end of each curve, pushed apart where two would lie on each other.
  const ends = panel.signals.map((signal) => [signal, panel.scale(values(run.at, signal).at(-1) ?? 0)]).sort((a, b) => a[1] - b[1]);
  ends.forEach((end, k) => { if (k) end[1] = Math.max(end[1], ends[k - 1][1] + 0.13); });
  const over = Math.max(0, (ends.at(-1)?.[1] ?? 0) - 0.95);
  for (const [signal, place] of ends) ui.curves[signal].letter.style.top = percent(place - over);
  drawPadding(panel.padding, run, batch, { first, columns });
}

/* The picked unit's cell state over the whole sequence, one pixel a step: only when not all of it is in sight. */
function drawStrip(ui, run, batch, unit, { first, columns }) {
  ui.stripRow.hidden = columns === run.T;
  if (ui.stripRow.hidden) return;
  ui.strip.width = run.T;
  const context = ui.strip.getContext("2d");
  for (let t = 0; t < run.lengths[batch]; t++) {
    const share = clamp((run.at("c", t, batch, unit) / run.limit + 1) / 2, 0, 1);
    context.fillStyle = `rgb(${run.ramps.state[Math.round(255 * share)]})`;
    context.fillRect(t, 0, 1, 1);
  }
  Object.assign(ui.window.style, { left: percent(first / run.T), width: percent(columns / run.T) });
}

function drawCursor(ui, { run, t, unit, batch }, { first, columns, rows, perRow }) {
  const place = (node) => Object.assign(node.style, { left: percent((t - first) / columns), width: percent(1 / columns) });
  for (const signal of run.style.signals) {
    const heat = ui.heat[signal];
    const value = run.at(signal, t, batch, unit);
    const [low, high] = rangeOf(run, signal);
    place(heat.cursor);
    Object.assign(heat.mark.style, { top: percent(Math.floor(unit / perRow) / rows), height: percent(1 / rows) });
    heat.needle.style.bottom = percent(clamp((value - low) / (high - low), 0, 1));
    heat.value.textContent = number(value);
    heat.canvas.dataset.value = value;
    heat.canvas.setAttribute("aria-label", `heatmap of the ${run.style.names[signal]} ${signal}: ${number(value)} at the cursor`);
  }
  for (const panel of ui.panels) {
    place(panel.cursor);
    for (const signal of panel.signals) {
      const { dot, value } = ui.curves[signal];
      const now = run.at(signal, t, batch, unit);
      Object.assign(dot.style, { left: percent((t - first + 0.5) / columns), top: percent(panel.scale(now)) });
      value.textContent = number(now);
      value.dataset.value = now;
    }
  }
  Object.assign(ui.stripCursor.style, { left: percent(t / run.T), width: percent(1 / run.T) });
  const label = tokenText(run, batch, t) ?? String(t);
  for (const axis of [ui.axis, ...ui.panels.map((panel) => panel.axis)]) {
    const share = (t - first + 0.5) / columns;
    const here = axis.lastChild;
    here.textContent = label;
    // Centred under its column, but never beyond the ends of the axis.
    here.style.left = `clamp(0px, calc(${percent(share)} - ${here.offsetWidth / 2}px), calc(100% - ${here.offsetWidth}px))`;
  }
}

function drawDiagram(ui, { run, t, unit, batch }) {
  const { pipes, valves } = run.style.diagram;
  const full = run.style.pipeWidth;
  const wires = wireValues(run.at, t, batch, unit);
  const before = run.was && wireValues(run.was, t, batch, unit);
  for (const name of Object.keys(pipes)) {
    const width = clamp(full * Math.abs(wires[name]), 1.5, full);
    const { outer, hollow } = ui.lines[name];
    outer.style.strokeWidth = width;
    outer.dataset.width = width;
    hollow.style.strokeWidth = wires[name] < 0 ? Math.max(0.6, width - 3.5) : 0;
  }
  for (const gate of Object.keys(valves)) {
    const { plates, x } = ui.lines[`valve ${gate}`];
    const shut = 16 - (full / 2) * wires[gate]; // each of the two plates, out of half a valve's width of 16
    plates[0].setAttribute("x", x - 16);
    plates[1].setAttribute("x", x + 16 - shut);
    for (const plate of plates) plate.setAttribute("width", shut);
    plates[0].parentElement.dataset.opening = wires[gate];
  }
  for (const [name, { value, was }] of Object.entries(ui.wires)) {
    if (name === "x") continue;
    value.textContent = number(wires[name]);
    value.dataset.value = wires[name];
    was.textContent = before ? `was ${number(before[name])}` : "";
    if (before) was.dataset.value = before[name];
    was.classList.toggle("gs-differs", Boolean(before) && number(before[name]) !== number(wires[name]));
  }
  const x = ui.wires.x.value;
  const inputs = run.x?.[t][batch];
  const token = tokenText(run, batch, t);
  x.textContent = [inputs?.map((v) => number(v, 2)).join(", ") ?? `${run.D} numbers`, token === null ? "" : `‘${token}’`].join(" ");
  if (inputs) x.dataset.value = inputs.join();
}

function drawWords(ui, state, view) {
  const { run, t, unit, batch } = state;
  const token = tokenText(run, batch, t);
  const where = `step ${t + 1} of ${run.T}` + (token === null ? "" : ` · token ‘${token}’`);
  const v = Object.fromEntries(Object.entries(wireValues(run.at, t, batch, unit)).map(([name, value]) => [name, number(value)]));
  ui.where.textContent = `${where} · t = ${t}`;
  ui.slider.value = t;
  ui.slider.setAttribute("aria-valuetext", where);
  ui.unit.value = unit;
  if (ui.batch) ui.batch.value = batch;
  const sum = `c = f·c_prev + i·g = ${v.f}·${v.c_prev} + ${v.i}·${v.g} = ${v.c},  h = o·tanh(c) = ${v.o}·${v.tanh_c} = ${v.h}`;
  const ended = t >= run.lengths[batch];
  const padding = `padding: sequence ${batch} ends after step ${run.lengths[batch]}, c is passed on and h is 0`;
  ui.sentence.textContent = `unit ${unit}: ${ended ? padding : sum}`.replaceAll("·−", "·(−").replace(/\(−([\d.e+]+)/g, "(−$1)");
  ui.sentence.setAttribute("aria-live", state.timer === null ? "polite" : "off"); // not a word a beat while playing
  ui.note.textContent = [run.note, run.was ? "dotted, and “was”: the run before" : ""].filter(Boolean).join("  ·  ");
  ui.note.hidden = !ui.note.textContent;
  const parts = [`rows: units 0 to ${run.H - 1}, from the top`];
  if (view.perRow > 1) parts.push(`each row is the mean of ${view.perRow} units`);
  if (view.columns < run.T) parts.push(`steps ${view.first + 1}–${view.first + view.columns} of ${run.T}`);
  ui.view.textContent = parts.join("  ·  ");
  const playing = state.timer !== null;
  ui.buttons.play.firstChild.firstChild.setAttribute("d", ICONS[playing ? "pause" : "play"]);
  ui.buttons.play.setAttribute("aria-pressed", playing);
}

// ---------------------------------------------------------------------------- wiring

function render({ model, el }) {
  const root = element("div", { class: "gate-scrubber", "data-testid": "gate-scrubber", tabindex: 0, role: "group" });
  root.setAttribute("aria-label", "gate scrubber: arrow keys left and right step through time, up and down pick the unit, space plays");
  el.append(root);
  const state = { run: null, t: 0, unit: 0, batch: 0, first: 0, timer: null, seen: "", seenUnit: -1 };
  let ui = null;
  let frame = 0;
  let serial = 0;

  // However many events a moment brings, it is painted once.
  const schedule = () => (frame ||= requestAnimationFrame(() => ((frame = 0), draw(ui, state))));

  const pick = (changes) => {
    const { T, N, H } = state.run;
    const top = { t: T - 1, unit: H - 1, batch: N - 1 };
    for (const [name, value] of Object.entries(changes)) {
      state[name] = clamp(value, 0, top[name]);
      model.set(name, state[name]);
    }
    model.save_changes(); // tells the kernel what is looked at; nothing waits for an answer
    schedule();
  };

  const stop = () => (clearTimeout(state.timer), (state.timer = null));
  const beat = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? CALM_BEAT : BEAT);
  const tick = () => {
    if (state.t >= state.run.T - 1) stop();
    else state.timer = setTimeout(() => (pick({ t: state.t + 1 }), tick()), beat());
    schedule();
  };
  const play = () => {
    if (state.timer !== null) return stop(), schedule();
    if (state.t >= state.run.T - 1) pick({ t: 0 });
    tick();
  };

  const step = (by) => (stop(), pick({ t: state.t + by }));
  const actions = {
    first: () => step(-Infinity),
    previous: () => step(-1),
    play,
    next: () => step(1),
    last: () => step(Infinity),
  };
  const keys = {
    ArrowLeft: actions.previous,
    ArrowRight: actions.next,
    Home: actions.first,
    End: actions.last,
    ArrowUp: () => pick({ unit: state.unit - 1 }),
    ArrowDown: () => pick({ unit: state.unit + 1 }),
    " ": play,
  };

  const load = () => {
    stop();
    const run = readRun(model.get("_run"));
    run.serial = ++serial;
    run.ramps = { gate: ramp(run.style.gateMap), state: ramp(run.style.stateMap) };
    const sameShape = state.run && ["T", "N", "H"].every((name) => run[name] === state.run[name]) && !run.tokens === !state.run.tokens;
    state.run = run;
    if (!sameShape) {
      ui = Object.assign(build(run), { root });
      root.replaceChildren(ui.page);
      listen();
    }
    follow();
  };
  const follow = () => {
    for (const name of ["t", "unit", "batch"]) state[name] = model.get(name);
    schedule();
  };

  /* The pointer, pressed or dragged, anywhere on a picture whose width is time. */
  const scrub = (node, onPlace) => {
    const move = (event) => {
      const box = node.getBoundingClientRect();
      onPlace(clamp((event.clientX - box.left) / box.width, 0, 0.999999), clamp((event.clientY - box.top) / box.height, 0, 0.999999));
    };
    node.addEventListener("pointerdown", (event) => {
      stop();
      node.setPointerCapture(event.pointerId);
      root.focus({ preventScroll: true });
      event.preventDefault(); // no selecting of text while dragging
      move(event);
    });
    node.addEventListener("pointermove", (event) => node.hasPointerCapture(event.pointerId) && move(event));
  };
  const listen = () => {
    const stepAt = (x) => state.first + Math.floor(x * Math.min(state.run.T, COLUMNS));
    for (const { canvas } of Object.values(ui.heat)) {
      scrub(canvas.parentElement, (x, y) => {
        const { rows, perRow } = viewOf(state);
        pick({ t: stepAt(x), unit: Math.floor(y * rows) * perRow });
      });
    }
    for (const panel of ui.panels) scrub(panel.plot, (x) => pick({ t: stepAt(x) }));
    scrub(ui.strip.parentElement, (x) => pick({ t: Math.floor(x * state.run.T) }));
    for (const [name, button] of Object.entries(ui.buttons)) button.addEventListener("click", actions[name]);
    ui.slider.addEventListener("input", () => (stop(), pick({ t: Number(ui.slider.value) })));
    for (const name of ["unit", "batch"]) ui[name]?.addEventListener("change", () => pick({ [name]: Number(ui[name].value) }));
  };

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || ["Tab", "Escape"].includes(event.key)) return;
    // JupyterLab's command mode must not hear the rest: there, arrows walk between cells and "d d" deletes one.
    event.stopPropagation();
    const onControl = ["BUTTON", "SELECT"].includes(event.target.tagName);
    if (!keys[event.key] || (event.key === " " && onControl)) return; // space on a button presses that button
    event.preventDefault();
    keys[event.key]();
  });

  load();
  const resized = new ResizeObserver(schedule); // the token axis depends on the width
  resized.observe(root);
  model.on("change:_run", load);
  for (const name of ["t", "unit", "batch"]) model.on(`change:${name}`, follow);
  return () => {
    stop();
    cancelAnimationFrame(frame);
    resized.disconnect();
    model.off("change:_run", load);
    for (const name of ["t", "unit", "batch"]) model.off(`change:${name}`, follow);
  };
}

export default { render };
