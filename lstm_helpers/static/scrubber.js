/* The gate scrubber: one run of an LSTM, looked at step by step.

   This module draws; it computes nothing of the LSTM. The kernel sends the whole run once, as 32-bit floats, and
   moving through time means looking numbers up and painting them. The same module serves the notebook (anywidget
   calls `render` with its model) and a plain HTML page (which brings a model of a few lines).

   From top to bottom: the run, small helpers, the page's skeleton, drawing, and the wiring of events. All goes one
   way: an event changes `state`, and `draw(root, state)` paints what state says.

   What tests may read:
     root       [data-testid="gate-scrubber"]  data-t data-unit data-batch data-layer data-direction data-first
                                               data-playing; t is a position in the sequence, whoever reads it
     heatmap    canvas[data-gate="i"]          data-value (of the picked unit at t) data-first data-columns data-rows
                                               data-per-row; a canvas pixel is a cell, transparent where padding is
     wire       [data-wire="f_c"]              data-value, and the same as text; wires: c_prev f_c c i_g g f i o tanh_c
                                               h h_prev, and x where there are at most three inputs ("0.5,1")
     ghost      [data-was="f_c"]               data-value, and "was 0.430" as text
     pipe       [data-pipe="f_c"]              data-width       valve  [data-valve="f"]  data-opening
     curve      [data-curve="i"]               data-value at the cursor; its line is [data-line="i"]
     has read   [data-read="forward|reverse"]  data-from data-to: the first position this direction has read, and the
                                               last, which is t; both empty in the padding; only with two directions
     controls   [data-action="first|previous|play|next|last|t|unit|batch|layer|direction"], the last three only where
                there is a choice
     texts      [data-text="where|sentence|joined|note|view"]                                                       */

const COLUMNS = 60; // steps in sight; more would make columns narrower than a token
const ROWS = 32; // rows of a heatmap; where there are more units, each row is the mean of a few neighbours
const MARGIN = 5; // steps kept in sight ahead of the cursor
const BEAT = 500; // milliseconds a step while playing
const CALM_BEAT = 1000; // the same for readers who asked for less motion
const NAMED = { letters: 12, words: 4 }; // of the tokens that a direction has read, the latest ones are named
const PLACE = ["t", "unit", "batch", "layer", "direction"]; // what is looked at: the model's traits

// ------------------------------------------------------------------------------------------------- the run

/* Give the numbers names. part(layer, direction) adds `at`, and `was` where there is a run behind:
   at("f", t, batch, unit), and at("c", t, batch, unit, 1) one step of reading before.

   Numbers come in the order of reading, t is a position. The reverse direction reads each sequence from its end, so
   that its one step before is the position to the right; before the first step comes the state it began with. */
function readRun({ header, data, ghost }) {
  const { T, N, H, layers, directions, lengths, tokens, style } = header;
  const block = T * N * H;
  const lookup = (view) => {
    // Copied, because a part of a message need not begin at a multiple of four.
    const values = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
    const start = Object.fromEntries(style.signals.map((signal, k) => [signal, k * block]));
    const before = { c: 6 * block, h: 6 * block + N * H };
    return (layer, direction) => {
      const begin = (layer * directions + direction) * (6 * block + 2 * N * H);
      return (signal, t, batch, unit, back = 0) => {
        const step = (direction === 1 && t < lengths[batch] ? lengths[batch] - 1 - t : t) - back;
        return values[begin + (step < 0 ? before[signal] : start[signal] + step * N * H) + batch * H + unit];
      };
    };
  };
  const [now, then] = [data, ghost].map((view) => view && lookup(view));
  const isGate = (signal) => style.gates.includes(signal);
  const run = {
    ...header,
    isGate,
    colours: Object.fromEntries(
      style.signals.map((signal) => [signal, ramp(isGate(signal) ? style.gateMap : style.stateMap)]),
    ),
    token: (batch, t) => (tokens && t < lengths[batch] ? tokens[batch][t] : null),
    label: (batch, t) => (tokens ? tokens[batch][t] : String(t)),
    range: (signal) => (signal === "c" ? [-header.limit, header.limit] : [isGate(signal) ? 0 : -1, 1]),
  };
  run.part = (layer, direction) => ({ ...run, at: now(layer, direction), was: then && then(layer, direction) });
  return run;
}

/* What flows through the wires of the diagram at one step of one unit. */
function wireValues(at, t, batch, unit) {
  const [i, f, g, o, c, h] = ["i", "f", "g", "o", "c", "h"].map((signal) => at(signal, t, batch, unit));
  const [c_prev, h_prev] = ["c", "h"].map((signal) => at(signal, t, batch, unit, 1));
  return { c_prev, h_prev, i, f, g, o, c, h, f_c: f * c_prev, i_g: i * g, c_tanh: c, tanh_c: Math.tanh(c) };
}

/* The part of the run in sight. It moves only when the cursor would leave it. */
function viewOf({ run, t, first }) {
  const columns = Math.min(run.T, COLUMNS);
  const margin = Math.min(MARGIN, Math.floor((columns - 1) / 2));
  const near = clamp(first, t - columns + 1 + margin, t - margin);
  const perRow = Math.ceil(run.H / ROWS);
  return { first: clamp(near, 0, run.T - columns), columns, perRow, rows: Math.ceil(run.H / perRow) };
}

// ------------------------------------------------------------------------------------------------- helpers

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const percent = (part) => `${100 * part}%`;

function number(value, digits = 3) {
  const short = () => value.toExponential(2).replace("e+", "e").replace(/\.?0+e/, "e"); // 1.5e6
  const text = Math.abs(value) < 1000 ? value.toFixed(digits) : short();
  return Number(text) === 0 ? text.replace("-", "") : text.replaceAll("-", "−");
}

/* 256 colours on straight lines between a map's few stops. */
function ramp(stops) {
  const rgb = stops.map((hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16)));
  return Array.from({ length: 256 }, (_, k) => {
    const place = (k / 255) * (rgb.length - 1);
    const left = Math.min(Math.floor(place), rgb.length - 2);
    return rgb[left].map((from, channel) => Math.round(from + (rgb[left + 1][channel] - from) * (place - left)));
  });
}

const colourOf = (run, signal, value) => {
  const [low, high] = run.range(signal);
  return run.colours[signal][Math.round(255 * clamp((value - low) / (high - low), 0, 1))];
};

// ------------------------------------------------------------------------------------------------- skeleton

// Only names and colours of ours go into markup. Tokens and notes are a reader's: they are set as text, below.

const ICONS = {
  first: "M3 3v10M13 3L6 8l7 5z",
  previous: "M11 3L4 8l7 5z",
  play: "M4 3l9 5-9 5z",
  pause: "M5 3v10M11 3v10",
  next: "M5 3l7 5-7 5z",
  last: "M13 3v10M3 3l7 5-7 5z",
};

function skeleton(run) {
  const { style, T, N, H, layers, directions } = run;
  const button = (name, title) => `
    <button type="button" data-action="${name}" title="${title}" aria-label="${title}">
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d="${ICONS[name]}"/></svg></button>`;
  const choice = (name, count, words = (k) => k) =>
    count === 1 && name !== "unit" ? "" : `
    <label>${name} <select data-action="${name}">
      ${Array.from({ length: count }, (_, k) => `<option value="${k}">${words(k)}</option>`).join("")}</select></label>`;
  const heatmap = (signal) => `
    <div class="gs-row" data-row="${signal}">
      <div class="gs-name"><i class="gs-chip" style="background: ${style.colours[signal]}"></i><b>${signal}</b>
        ${style.names[signal]} <b class="gs-value"></b></div>
      <div class="gs-box gs-time"><canvas data-gate="${signal}" role="img"></canvas>
        <div class="gs-padding"></div><div class="gs-mark"></div><div class="gs-cursor"></div></div>
      <div class="gs-bar" aria-hidden="true">
        <div class="gs-gradient" style="background: linear-gradient(to top,
          ${run.isGate(signal) ? style.gateMap : style.stateMap})"><div class="gs-needle"></div></div>
        <div>${run.range(signal).map((end) => `<span data-end>${number(end, 0)}</span>`).reverse().join("")}</div></div>
    </div>`;
  const ink = (signal) => `stroke="${style.colours[signal]}" stroke-dasharray="${style.dashes[signal].join(" ")}"`;
  const panel = (title, signals) => `
    <figure class="gs-panel" data-signals="${signals.join("")}">
      <figcaption class="gs-legend"><span>${title}</span>
        ${signals.map((signal) => `<span><svg class="gs-sample" viewBox="0 0 30 8" aria-hidden="true">
          <path class="gs-curve" d="M0 4h30" ${ink(signal)}/></svg>${signal} <b data-curve="${signal}"></b></span>`).join("")}
      </figcaption>
      <div class="gs-plot gs-time"><div class="gs-padding"></div>
        <svg preserveAspectRatio="none" aria-hidden="true"><line class="gs-zero"/>
          ${signals.map((signal) => `<path class="gs-curve gs-ghost" stroke="${style.colours[signal]}" data-ghost="${signal}"/>
            <path class="gs-curve" data-line="${signal}" ${ink(signal)}/>`).join("")}</svg>
        <div class="gs-cursor"></div><div class="gs-ticks"><span></span><span></span><span></span></div>
        ${signals.map((signal) => `<div class="gs-dot" style="background: ${style.colours[signal]}" data-dot="${signal}"></div>
          <div class="gs-letter" data-letter="${signal}">${signal}</div>`).join("")}</div>
      <div class="gs-axis"></div>
    </figure>`;
  return `
    <div class="gs-page">
      <div class="gs-toolbar">
        ${button("first", "first step (Home)")}${button("previous", "previous step (←)")}
        ${button("play", "play or pause (space)")}
        ${button("next", "next step (→)")}${button("last", "last step (End)")}
        <input type="range" min="0" max="${T - 1}" step="1" data-action="t" aria-label="step">
        <output class="gs-where" data-text="where"></output>
        ${choice("layer", layers)}${choice("direction", directions, (k) => ["0 forward →", "1 backward ←"][k])}
        ${choice("unit", H)}${choice("batch", N)}
      </div>
      <p class="gs-sentence" data-text="sentence"></p>
      <p class="gs-sentence" data-text="joined" ${directions === 1 ? "hidden" : ""}></p>
      <p class="gs-note" data-text="note"></p>
      <div class="gs-main">
        <div class="gs-heat">
          ${style.signals.map(heatmap).join("")}
          <div class="gs-row"><div class="gs-name">${run.tokens ? "token" : "t"}</div><div class="gs-axis"></div></div>
          ${directions === 1 ? "" : `
          <div class="gs-row gs-reads"><div class="gs-name"><div>forward read</div><div>backward read</div></div>
            <div class="gs-time"><div class="gs-cursor"></div><div data-read="forward"></div><div data-read="reverse"></div></div></div>`}
          <div class="gs-row gs-strip"><div class="gs-name">c, whole sequence</div>
            <div class="gs-box"><canvas height="1"></canvas><div class="gs-window"></div><div class="gs-cursor"></div></div></div>
          <p class="gs-view" data-text="view"></p>
        </div>
        <figure class="gs-cell">${diagram(style)}<figcaption>${style.diagram.note}</figcaption></figure>
      </div>
      <div class="gs-curves">
        ${panel("valves of the unit: 0 shut, 1 open", style.gates)}
        ${panel("what the unit writes, holds and shows", style.signals.filter((signal) => !run.isGate(signal)))}
      </div>
    </div>`;
}

/* The cell. Its shapes come with the data, from the place where the notebooks' pictures have theirs. */
function diagram({ diagram, colours }) {
  const colour = (wire) => colours[diagram.carries[wire] ?? wire];
  const each = (shapes, draw) => Object.entries(shapes).map(([name, shape]) => draw(name, shape)).join("");
  const line = (points) => `d="M${points.map((point) => point.join(" ")).join("L")}"`;
  const plate = (y, gate) => `<rect class="gs-plate" y="${y - 12}" height="24" fill="${colours[gate]}"/>`;
  const [width, height] = diagram.size;
  const [plusX, plusY] = diagram.plus;
  return `<svg class="gs-diagram" viewBox="0 0 ${width} ${height}" role="img" aria-label="the cell's diagram">
    ${each(diagram.bus, (_, points) => `<path class="gs-bus" ${line(points)}/>`)}
    ${each(diagram.controls, (gate, points) => `<path class="gs-control" ${line(points)} stroke="${colours[gate]}"/>`)}
    ${each(diagram.pipes, (wire, points) => `<path class="gs-pipe" ${line(points)} stroke="${colour(wire)}" data-pipe="${wire}"/>
      <path class="gs-hollow" ${line(points)} data-hollow="${wire}"/>`)}
    ${each(diagram.arrows, (wire, [x, y]) => `<path d="M${x - 2} ${y - 10}l12 10l-12 10z" fill="${colour(wire)}"/>`)}
    ${each(diagram.valves, (gate, [x, y, lies]) => `
      <g data-valve="${gate}" data-x="${x}" ${lies === "across" ? `transform="rotate(90 ${x} ${y})"` : ""}>
        <rect class="gs-shape" x="${x - 17}" y="${y - 13}" width="34" height="26" rx="3" stroke="${colours[gate]}"/>
        ${plate(y, gate)}${plate(y, gate)}</g>`)}
    <circle class="gs-shape gs-plus" cx="${plusX}" cy="${plusY}" r="12"/>
    <path class="gs-plus" d="M${plusX - 6} ${plusY}h12M${plusX} ${plusY - 6}v12"/>
    ${each(diagram.boxes, (name, [x, y, title, formula]) => `
      <rect class="gs-shape" x="${x - (title ? 42 : 27)}" y="${y - (title ? 21 : 16)}" rx="6"
        width="${title ? 84 : 54}" height="${title ? 42 : 32}" stroke="${colour(name)}"/>
      <text x="${x}" y="${y - 4}" text-anchor="middle">${title}</text>
      <text x="${x}" y="${y + (title ? 13 : 5)}" text-anchor="middle">${formula}</text>`)}
    ${each(diagram.labels, (wire, [x, y, anchor, title]) => `
      <text x="${x}" y="${y}" text-anchor="${anchor}" class="gs-title">${title}</text>
      <text x="${x}" y="${y + 19}" text-anchor="${anchor}" class="gs-wire" data-wire="${wire}"></text>
      <text x="${x}" y="${y + 35}" text-anchor="${anchor}" class="gs-was" data-was="${wire}"></text>`)}
  </svg>`;
}

// ------------------------------------------------------------------------------------------------- drawing

function draw(root, state) {
  const { t, unit, batch, layer, direction } = state;
  const run = state.run.part(layer, direction);
  const width = root.querySelector(".gs-axis").clientWidth;
  if (width === 0) return; // out of sight, or its styles are just being exchanged: there is nothing to fit labels into
  const view = viewOf(state);
  state.first = view.first;
  // Most steps move only the cursor. What lies behind it is painted again when something else has changed.
  const behind = [run.serial, layer, direction, batch, view.first, width].join();
  if (state.behind !== behind) {
    for (const signal of run.style.signals) drawHeatmap(root, run, signal, batch, view);
    for (const axis of root.querySelectorAll(".gs-axis")) drawAxis(axis, run, batch, view);
    for (const padding of root.querySelectorAll(".gs-padding")) {
      const from = clamp((run.lengths[batch] - view.first) / view.columns, 0, 1);
      padding.style.left = percent(from);
      padding.hidden = from === 1;
    }
  }
  if (state.behind !== behind || state.drawnUnit !== unit) {
    for (const panel of root.querySelectorAll(".gs-panel")) drawCurves(panel, run, batch, unit, view);
    drawStrip(root.querySelector(".gs-strip"), run, batch, unit, view);
  }
  Object.assign(state, { behind, drawnUnit: unit });
  const shown = { ...state, run };
  drawCursor(root, shown, view);
  if (run.directions === 2) drawReads(root, shown, view);
  drawDiagram(root, shown);
  drawWords(root, shown, view);
  Object.assign(root.dataset, { t, unit, batch, layer, direction, first: view.first, playing: state.timer !== null });
}

function drawHeatmap(root, run, signal, batch, { first, columns, rows, perRow }) {
  const canvas = root.querySelector(`canvas[data-gate="${signal}"]`);
  Object.assign(canvas, { width: columns, height: rows });
  Object.assign(canvas.dataset, { first, columns, rows, perRow });
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const steps = Math.min(columns, run.lengths[batch] - first); // what is beyond is padding and stays transparent
  for (let column = 0; column < steps; column++) {
    for (let row = 0; row < rows; row++) {
      const units = Math.min(perRow, run.H - row * perRow);
      let sum = 0;
      for (let k = 0; k < units; k++) sum += run.at(signal, first + column, batch, row * perRow + k);
      image.data.set([...colourOf(run, signal, sum / units), 255], 4 * (row * columns + column));
    }
  }
  context.putImageData(image, 0, 0);
}

/* Tokens, or step numbers, under the columns: each one, or each k-th where they would touch. */
function drawAxis(axis, run, batch, { first, columns }) {
  const room = axis.clientWidth / columns;
  const labels = Array.from({ length: columns }, (_, k) => run.label(batch, first + k));
  const pen = document.createElement("canvas").getContext("2d");
  const { fontSize, fontFamily } = getComputedStyle(axis);
  pen.font = `${fontSize} ${fontFamily}`;
  // Nine labels of ten shall fit; the rare long one is shortened, and shown in full when the cursor is there.
  const widths = labels.map((label) => pen.measureText(label).width).sort((a, b) => a - b);
  const usual = Math.min(widths[Math.floor(0.9 * (columns - 1))], 70) + 5;
  const stride = [1, 2, 5, 10, 20, 30].find((k) => k * room >= usual) ?? columns;
  const spans = labels.map((label, k) => {
    const span = document.createElement("span");
    span.textContent = label;
    Object.assign(span.style, { left: percent((k + 0.5) / columns), maxWidth: `${stride * room - 3}px` });
    return span;
  });
  const here = Object.assign(document.createElement("span"), { className: "gs-here" });
  axis.replaceChildren(...spans.filter((_, k) => (first + k) % stride === 0), here);
}

function drawCurves(panel, run, batch, unit, { first, columns }) {
  const signals = [...panel.dataset.signals];
  const steps = Math.max(0, Math.min(columns, run.lengths[batch] - first));
  const values = (at, signal) => Array.from({ length: steps }, (_, k) => at(signal, first + k, batch, unit));
  // The scale of c is this unit's own over all steps, so that it neither lies flat on 0 nor jumps as the view moves.
  const signed = signals.includes("c");
  let high = 1;
  for (const at of signed ? [run.at, run.was] : []) {
    for (let t = 0; at && t < run.T; t++) {
      for (const back of [0, 1]) high = Math.max(high, Math.abs(at("c", t, batch, unit, back)));
    }
  }
  const low = signed ? -high : 0;
  const edge = 0.06 * (high - low);
  const depth = (value) => (high + edge - value) / (high - low + 2 * edge); // 0 at the top of the panel, 1 at its foot
  Object.assign(panel.dataset, { high: high + edge, low: low - edge });
  const path = (numbers) => numbers.map((value, k) => `${k ? "L" : "M"}${k + 0.5} ${depth(value)}`).join("");
  const draw = (selector, numbers) => panel.querySelector(selector).setAttribute("d", path(numbers));

  panel.querySelector(".gs-plot svg").setAttribute("viewBox", `0 0 ${columns} 1`);
  const zero = { x1: 0, x2: columns, y1: depth(0), y2: depth(0) };
  for (const [name, value] of Object.entries(zero)) panel.querySelector(".gs-zero").setAttribute(name, value);
  for (const signal of signals) {
    draw(`[data-line="${signal}"]`, values(run.at, signal));
    draw(`[data-ghost="${signal}"]`, run.was ? values(run.was, signal) : []);
  }
  panel.querySelectorAll(".gs-ticks span").forEach((tick, k) => {
    const value = [high, (high + low) / 2, low][k];
    tick.textContent = number(value, Number.isInteger(value) ? 0 : 1);
    tick.style.top = percent(depth(value));
  });
  // A letter at the end of each curve; where two would lie on each other, the lower one makes room.
  const ends = signals.map((signal) => [signal, depth(values(run.at, signal).at(-1) ?? 0)]).sort((a, b) => a[1] - b[1]);
  for (let k = 1; k < ends.length; k++) ends[k][1] = Math.max(ends[k][1], ends[k - 1][1] + 0.14);
  const over = Math.max(0, ends.at(-1)[1] - 0.95);
  for (const [signal, end] of ends) panel.querySelector(`[data-letter="${signal}"]`).style.top = percent(end - over);
}

/* The picked unit's cell state over all steps, a pixel each; only where not all of them are in sight. */
function drawStrip(strip, run, batch, unit, { first, columns }) {
  strip.hidden = columns === run.T;
  if (strip.hidden) return;
  const canvas = strip.querySelector("canvas");
  canvas.width = run.T;
  const context = canvas.getContext("2d");
  for (let t = 0; t < run.lengths[batch]; t++) {
    context.fillStyle = `rgb(${colourOf(run, "c", run.at("c", t, batch, unit))})`;
    context.fillRect(t, 0, 1, 1);
  }
  const place = { left: percent(first / run.T), width: percent(columns / run.T) };
  Object.assign(strip.querySelector(".gs-window").style, place);
}

function drawCursor(root, { run, t, unit, batch, direction }, { first, columns, rows, perRow }) {
  const column = { left: percent((t - first) / columns), width: percent(1 / columns) };
  for (const cursor of root.querySelectorAll(".gs-time .gs-cursor")) Object.assign(cursor.style, column);
  Object.assign(root.querySelector(".gs-strip .gs-cursor").style, { left: percent(t / run.T), width: percent(1 / run.T) });
  for (const signal of run.style.signals) {
    const value = run.at(signal, t, batch, unit);
    const row = root.querySelector(`[data-row="${signal}"]`);
    const [low, high] = run.range(signal);
    row.querySelector(".gs-value").textContent = number(value);
    row.querySelector(".gs-needle").style.bottom = percent(clamp((value - low) / (high - low), 0, 1));
    const mark = { top: percent(Math.floor(unit / perRow) / rows), height: percent(1 / rows) };
    Object.assign(row.querySelector(".gs-mark").style, mark);
    const canvas = row.querySelector("canvas");
    canvas.dataset.value = value;
    canvas.ariaLabel = `heatmap of the ${run.style.names[signal]} ${signal}; at the cursor: ${number(value)}`;

    const curve = root.querySelector(`[data-curve="${signal}"]`);
    curve.textContent = number(value);
    curve.dataset.value = value;
    const panel = curve.closest(".gs-panel").dataset;
    const dot = { left: percent((t - first + 0.5) / columns), top: percent((panel.high - value) / (panel.high - panel.low)) };
    Object.assign(root.querySelector(`[data-dot="${signal}"]`).style, dot);
  }
  for (const axis of root.querySelectorAll(".gs-axis")) {
    const here = axis.querySelector(".gs-here"); // in full, centred on its column, but never beyond the ends of the axis
    const label = run.label(batch, t);
    here.textContent = run.directions === 1 ? label : direction === 1 ? `← ${label}` : `${label} →`; // which way it reads
    const room = axis.clientWidth;
    const half = here.offsetWidth / 2;
    const middle = Math.max(half, Math.min((room * (t - first + 0.5)) / columns, room - half));
    const labels = [...axis.children].filter((label) => label !== here);
    const covered = labels.map((label) => Math.abs(label.offsetLeft - middle) < half + label.offsetWidth / 2);
    labels.forEach((label, k) => (label.style.visibility = covered[k] ? "hidden" : ""));
    here.style.left = `${middle - half}px`;
  }
}

/* Which positions each direction has read when both are joined at t: from its end of the sequence to t. */
function readSpans({ run, t, batch }) {
  const end = run.lengths[batch] - 1;
  return t > end ? {} : { forward: [0, t], reverse: [end, t] };
}

function drawReads(root, state, { first, columns }) {
  const spans = readSpans(state);
  for (const bar of root.querySelectorAll("[data-read]")) {
    const [from, to] = spans[bar.dataset.read] ?? ["", ""];
    Object.assign(bar.dataset, { from, to });
    bar.hidden = to === "";
    const [left, right] = [Math.min(from, to), Math.max(from, to) + 1].map((t) => clamp((t - first) / columns, 0, 1));
    Object.assign(bar.style, { left: percent(left), width: percent(right - left) });
  }
}

function drawDiagram(root, { run, t, unit, batch, layer }) {
  const find = (name, value) => root.querySelector(`.gs-diagram [data-${name}="${value}"]`);
  const full = run.style.pipeWidth;
  const wires = wireValues(run.at, t, batch, unit);
  const before = run.was && wireValues(run.was, t, batch, unit);
  for (const wire of Object.keys(run.style.diagram.pipes)) {
    const width = clamp(full * Math.abs(wires[wire]), 1.5, full);
    find("pipe", wire).style.strokeWidth = find("pipe", wire).dataset.width = width;
    find("hollow", wire).style.strokeWidth = wires[wire] < 0 ? Math.max(0.6, width - 3.5) : 0;
  }
  for (const gate of Object.keys(run.style.diagram.valves)) {
    const valve = find("valve", gate);
    const [left, right] = valve.querySelectorAll(".gs-plate");
    const shut = 16 - (full / 2) * wires[gate]; // each plate's share of half a valve, which is 16 wide
    for (const plate of [left, right]) plate.setAttribute("width", shut);
    left.setAttribute("x", valve.dataset.x - 16);
    right.setAttribute("x", Number(valve.dataset.x) + 16 - shut);
    valve.dataset.opening = wires[gate];
  }
  const write = (node, value, text) => {
    node.textContent = text;
    node.dataset.value = value;
  };
  for (const wire of Object.keys(run.style.diagram.labels)) {
    if (wire === "x") continue;
    const was = find("was", wire);
    write(find("wire", wire), wires[wire], number(wires[wire]));
    write(was, before?.[wire] ?? "", before ? `was ${number(before[wire])}` : "");
    was.classList.toggle("gs-differs", before !== null && number(before[wire]) !== number(wires[wire]));
  }
  const inputs = run.x[layer]?.[t][batch];
  const token = run.token(batch, t);
  const numbers = inputs?.map((value) => number(value, 2)).join(", ") ?? `${run.D[layer]} numbers`;
  const source = layer > 0 ? ` of layer ${layer - 1}` : token === null ? "" : ` ‘${token}’`;
  write(find("wire", "x"), inputs ?? "", numbers + source);
}

function drawWords(root, { run, t, unit, batch, layer, direction, timer }, view) {
  const say = (name, text) => (root.querySelector(`[data-text="${name}"]`).textContent = text);
  const control = (name) => root.querySelector(`[data-action="${name}"]`);
  const token = run.token(batch, t);
  const end = run.lengths[batch];
  const two = run.directions === 2;
  const what = t >= end ? " · padding" : token === null ? "" : ` · ${two ? "" : "token "}‘${token}’`;
  const where = `${two ? "position" : "step"} ${t + 1} of ${run.T} · t = ${t}${what}`;
  say("where", where);
  Object.assign(control("t"), { value: t, ariaValueText: where });
  const picked = { unit, batch, layer, direction };
  for (const [name, value] of Object.entries(picked)) if (control(name)) control(name).value = value;
  control("play").ariaPressed = timer !== null;
  control("play").querySelector("path").setAttribute("d", ICONS[timer === null ? "play" : "pause"]);

  const bracketed = (value) => (value < 0 ? `(${number(value)})` : number(value));
  const wires = wireValues(run.at, t, batch, unit);
  const w = Object.fromEntries(Object.entries(wires).map(([name, value]) => [name, bracketed(value)]));
  const step =
    `c = f·c_prev + i·g = ${w.f}·${w.c_prev} + ${w.i}·${w.g} = ${number(wires.c)},  ` +
    `h = o·tanh(c) = ${w.o}·${w.tanh_c} = ${number(wires.h)}`;
  const reader = [
    run.layers > 1 ? `layer ${layer}, ` : "",
    two ? `${direction === 1 ? "backward" : "forward"}, ` : "",
    direction === 1 && t < end ? `its step ${end - 1 - t}, ` : "",
  ].join("");
  say("sentence", `${reader}unit ${unit}: ${t < end ? step : `padding, the sequence has ended after ${end} steps: c is passed on, h is 0`}`);
  if (two) say("joined", joinedWords({ run, t, unit, batch, layer }));
  for (const sentence of root.querySelectorAll(".gs-sentence")) {
    sentence.ariaLive = timer === null ? "polite" : "off"; // not a word a beat while playing
  }

  const note = say("note", [run.note, run.was && "dotted, and “was”: the run before"].filter(Boolean).join("  ·  "));
  root.querySelector(".gs-note").hidden = !note;
  const inSight = view.columns < run.T ? [`steps ${view.first + 1}–${view.first + view.columns} of ${run.T}`] : [];
  const rows = run.H === 1 ? "one unit" : `rows: units 0 to ${run.H - 1}, from the top`;
  const mean = view.perRow > 1 ? [`each row is the mean of ${view.perRow} units`] : [];
  const way = [
    "forward: reads from the start, its step 0 is the first token; c_prev comes from the left",
    "backward: reads from the end, its step 0 is the last token; c_prev comes from the right",
  ];
  say("view", [...(two ? [way[direction]] : []), ...inSight, rows, ...mean].join("  ·  "));
}

/* What is joined at t: both directions' h, each with what it has read. */
function joinedWords({ run, t, unit, batch, layer }) {
  const spans = readSpans({ run, t, batch });
  if (!spans.forward) return "padding: nothing is read here, and the output is 0";
  const token = run.token(batch, t);
  const letters = run.tokens?.[batch].every((label) => [...label].length === 1);
  const read = ([from, to]) => {
    if (token === null) return from === to ? `t = ${t}` : `t = ${from} to ${to}`;
    const all = run.tokens[batch].slice(Math.min(from, to), Math.max(from, to) + 1);
    const latest = (from > to ? all.reverse() : all).slice(letters ? -NAMED.letters : -NAMED.words);
    return (latest.length < all.length ? "… " : "") + latest.join(letters ? "" : " ");
  };
  const h = [0, 1].map((direction) => number(run.part(layer, direction).at("h", t, batch, unit)));
  const [here, which] = [token === null ? `t = ${t}` : `‘${token}’`, run.layers > 1 ? "the layer's output" : "the output"];
  const [what, those] = layer > 0 ? [`layer ${layer - 1}'s features of `, "those of "] : ["", ""];
  return (
    `at ${here}: forward has read ${what}${read(spans.forward)}, backward has read ${those}${read(spans.reverse)}; ` +
    `${which} joins h→ (${run.H} numbers, unit ${unit}: ${h[0]}) and h← (${run.H} numbers, unit ${unit}: ${h[1]})`
  );
}

// ------------------------------------------------------------------------------------------------- wiring

function render({ model, el }) {
  const root = document.createElement("div");
  Object.assign(root, { className: "gate-scrubber", tabIndex: 0, role: "group" });
  root.dataset.testid = "gate-scrubber";
  el.append(root);
  const state = { run: null, first: 0, timer: null, behind: "", drawnUnit: -1 }; // and PLACE, which `follow` fetches
  let frame = 0;
  let serial = 0;

  // However many events a moment brings, it is painted once.
  const schedule = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      draw(root, state);
    });
  };
  const pick = (changes) => {
    const { T, N, H, layers, directions } = state.run;
    const last = { t: T - 1, unit: H - 1, batch: N - 1, layer: layers - 1, direction: directions - 1 };
    for (const [name, value] of Object.entries(changes)) {
      state[name] = clamp(value, 0, last[name]);
      model.set(name, state[name]);
    }
    model.save_changes(); // tells the kernel where the reader is; nothing here waits for an answer
    schedule();
  };
  const stop = () => {
    clearTimeout(state.timer);
    state.timer = null;
    schedule();
  };
  const play = () => {
    if (state.timer !== null) return stop();
    const { T, lengths } = state.run;
    const [start, end, by] = state.direction === 1 ? [lengths[state.batch] - 1, 0, -1] : [0, T - 1, 1]; // as it reads
    if (state.t === end) pick({ t: start });
    const beat = matchMedia("(prefers-reduced-motion: reduce)").matches ? CALM_BEAT : BEAT;
    const tick = () => {
      if (state.t === end) return stop();
      state.timer = setTimeout(() => (pick({ t: state.t + by }), tick()), beat);
    };
    tick();
    schedule();
  };
  const step = (by) => {
    stop();
    pick({ t: state.t + by });
  };
  const actions = {
    first: () => step(-Infinity),
    previous: () => step(-1),
    play,
    next: () => step(1),
    last: () => step(Infinity),
  };
  const keys = {
    Home: actions.first,
    ArrowLeft: actions.previous,
    " ": play,
    ArrowRight: actions.next,
    End: actions.last,
    ArrowUp: () => pick({ unit: state.unit - 1 }),
    ArrowDown: () => pick({ unit: state.unit + 1 }),
    r: () => (stop(), pick({ direction: 1 - state.direction })),
  };

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || ["Tab", "Escape"].includes(event.key)) return;
    // JupyterLab's command mode must not hear the rest: there, arrows leave the cell and "d d" deletes it.
    event.stopPropagation();
    const itsOwn = { BUTTON: [" "], SELECT: [" ", "ArrowUp", "ArrowDown"] }[event.target.tagName] ?? [];
    if (!keys[event.key] || itsOwn.includes(event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
  root.addEventListener("click", (event) => actions[event.target.closest("button")?.dataset.action]?.());
  root.addEventListener("input", ({ target }) => {
    stop();
    pick({ [target.dataset.action]: Number(target.value) });
  });
  // The pointer, pressed or dragged on a picture: its place there is a step, and on a heatmap also a unit.
  const scrub = (event) => {
    const picture = event.target.closest(".gs-box, .gs-plot");
    if (!picture) return;
    if (event.type === "pointerdown") {
      stop();
      picture.setPointerCapture(event.pointerId);
      root.focus({ preventScroll: true });
      event.preventDefault(); // dragging selects no text
    } else if (!picture.hasPointerCapture(event.pointerId)) return;
    const box = picture.getBoundingClientRect();
    const x = clamp((event.clientX - box.left) / box.width, 0, 0.999999);
    const y = clamp((event.clientY - box.top) / box.height, 0, 0.999999);
    const { first, columns, rows, perRow } = viewOf(state);
    if (!picture.matches(".gs-time")) return pick({ t: Math.floor(x * state.run.T) }); // the strip of all steps
    const unit = picture.matches(".gs-plot") ? {} : { unit: Math.floor(y * rows) * perRow };
    pick({ t: first + Math.floor(x * columns), ...unit });
  };
  root.addEventListener("pointerdown", scrub);
  root.addEventListener("pointermove", scrub);

  const follow = () => {
    for (const name of PLACE) state[name] = model.get(name);
    schedule();
  };
  const load = () => {
    stop();
    const shape = ({ T, N, H, layers, directions, tokens, limit }) =>
      [T, N, H, layers, directions, tokens === null, limit].join();
    const run = Object.assign(readRun(model.get("_run")), { serial: ++serial });
    const sameSkeleton = state.run && shape(run) === shape(state.run); // then what has the focus may keep it
    state.run = run;
    if (!sameSkeleton) root.innerHTML = skeleton(run);
    const turns = run.directions === 2 ? ", r turns the direction" : "";
    root.ariaLabel = `gate scrubber: left and right step through time, up and down pick the unit, space plays${turns}`;
    follow();
  };
  load();
  const resized = new ResizeObserver(schedule); // how many tokens fit hangs on the width
  resized.observe(root);
  const events = { "change:_run": load, ...Object.fromEntries(PLACE.map((name) => [`change:${name}`, follow])) };
  for (const [name, listener] of Object.entries(events)) model.on(name, listener);
  return () => {
    clearTimeout(state.timer);
    cancelAnimationFrame(frame);
    resized.disconnect();
    for (const [name, listener] of Object.entries(events)) model.off(name, listener);
  };
}

export default { render };
