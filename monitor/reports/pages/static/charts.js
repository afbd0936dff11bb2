"use strict";
// Draws the charts of a dashboard. Colours are the style sheet's variables, so light, dark and paper need no redrawing.
(() => {
  const settings = JSON.parse(document.getElementById("charts").textContent);
  const asked = new URLSearchParams(location.search);
  const answers = new Map();
  const look = {
    background: "transparent",
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: {
      gridColor: "$grid", domainColor: "$grid", tickColor: "$grid", labelColor: "$faint", titleColor: "$faint",
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", tickSize: 4, labelOverlap: true, titlePadding: 8,
    },
    axisX: { grid: false, tickCount: { expr: "max(3, width / 110)" }, labelFlush: true },
    axisY: { domain: false, tickCount: 5 },
    axisBand: { grid: false, ticks: false, labelColor: "$ink" },
    legend: { labelColor: "$ink", titleColor: "$faint", labelFontSize: 12, symbolSize: 90, columns: { expr: "width < 220 ? 1 : width < 420 ? 2 : 4" }, labelLimit: 280, padding: 0, offset: 10 },
    line: { strokeWidth: 2, strokeJoin: "round" },
    area: { line: false },
    bar: { discreteBandSize: { band: 0.82 } },
  };

  const figures = [...document.querySelectorAll("figure.chart")].map((figure) => {
    const chart = JSON.parse(figure.querySelector("script").textContent);
    const found = read(chart);
    found.catch(() => {}); // it is told when the chart is drawn
    return [figure, chart, found];
  });
  inOrder();

  /** All are asked for at once, and drawn from the top, so that the first is there soon. */
  async function inOrder() {
    for (const [figure, chart, found] of figures) {
      try {
        await draw(figure, chart, await found);
      } catch (error) {
        say(figure, `This chart could not be drawn: ${error.message}`, true);
      }
      await new Promise((resolve) => { setTimeout(resolve); });
    }
  }

  async function draw(figure, chart, { rows, note, truncated }) {
    if (!rows.length) return say(figure, chart.empty || "Nothing is stored for this yet.");
    const holes = chart.source ? holesBetween(rows) : holesOf(chart, rows);
    const notes = [picked(chart, rows), chart.note, note, holes.length ? "Grey: not seen." : "", partly(chart, rows)];
    if (truncated) notes.push(`Only the first ${rows.length} rows are drawn.`);
    figure.querySelector(".note").textContent = notes.filter(Boolean).join(" ");
    legend(figure, chart, rows);
    const element = figure.querySelector(".drawing");
    element.textContent = "";
    const spec = coloured({
      ...pointed(dated(framed(chart, holes), rows), rows),
      width: "container",
      autosize: { type: typeof chart.display.height === "object" ? "fit-x" : "fit", contains: "padding" },
      data: { values: chart.line ? broken(chart, rows) : rows },
      config: { ...look, bar: { ...look.bar, binSpacing: new Set(rows.map((row) => row.time)).size > 60 ? 0 : 1 } },
    });
    if (figure.closest(".single") && typeof spec.height === "number") spec.height = Math.round(innerHeight * 0.55);
    await vegaEmbed(element, spec, { mode: "vega-lite", renderer: "svg", actions: false, ast: true, tooltip: { theme: "ours" } });
  }

  function read(chart) {
    const query = new URLSearchParams({ days: asked.get("days") || settings.days });
    if (!chart.source) {
      query.set("sql", chart.query);
      query.set("_shape", "objects");
      query.set("name", asked.get("name") || "");
    }
    const url = `${chart.source ? settings[chart.source] : settings.rows}?${query}`;
    if (!answers.has(url)) answers.set(url, ask(url, chart));
    return answers.get(url);
  }

  async function ask(url, chart) {
    const answer = await fetch(url, { headers: { accept: "application/json" } });
    const found = await answer.json().catch(() => ({ error: `status ${answer.status}` }));
    if (!found.rows || found.error) throw new Error(found.error || `status ${answer.status}`);
    if (chart.source) for (const row of found.rows) row.middle = (row.time + row.until) / 2;
    return found;
  }

  // What was not seen is not drawn: no line crosses it, and the stretch is grey.
  function stepOf(chart, row) {
    return (chart.holes === "step" ? row.step : chart.holes) * 1000;
  }

  function holesOf(chart, rows) {
    if (!chart.holes) return [];
    const times = [...new Map(rows.map((row) => [row.time, stepOf(chart, row)]))].sort((one, other) => one[0] - other[0]);
    const blind = new Set(rows.filter((row) => row.outcome === "unseen").map((row) => row.time));
    const found = [];
    for (let index = 0; index + 1 < times.length; index += 1) {
      const [time, step] = times[index];
      const next = times[index + 1][0];
      const from = blind.has(time) ? time : time + step;
      if (!blind.has(time) && next - time <= 1.5 * step) continue;
      if (found.length && found.at(-1).until >= from) found.at(-1).until = next;
      else found.push({ from, until: next });
    }
    return found;
  }

  function holesBetween(rows) {
    const found = [];
    for (let index = 0; index + 1 < rows.length; index += 1) {
      if (rows[index].until < rows[index + 1].time) found.push({ from: rows[index].until, until: rows[index + 1].time });
    }
    return found;
  }

  function broken(chart, rows) {
    const lines = new Map();
    for (const row of rows) {
      const key = JSON.stringify([row[chart.series], row[chart.detail]]);
      if (!lines.has(key)) lines.set(key, []);
      lines.get(key).push(row);
    }
    const found = [];
    for (const line of lines.values()) {
      line.sort((one, other) => one.time - other.time);
      line.forEach((row, index) => {
        found.push(row);
        const step = stepOf(chart, row);
        const next = line[index + 1];
        if (next && next.time - row.time > 1.5 * step) found.push({ ...row, time: row.time + step, [chart.line]: null, low: null, high: null });
      });
    }
    return found;
  }

  function framed(chart, holes) {
    const { height, layer, ...single } = chart.display;
    const layers = layer || [single];
    if (!holes.length) return layer ? { height, layer } : chart.display;
    const grey = {
      data: { values: holes },
      mark: { type: "rect", color: "$hole", stroke: "$faint", strokeWidth: 0.5, strokeDash: [2, 2] },
      encoding: {
        x: { field: "from", type: "temporal", title: null, scale: { type: "utc" } },
        x2: { field: "until" },
        tooltip: [
          { field: "from", type: "temporal", timeUnit: "utcyearmonthdatehoursminutes", format: "%Y-%m-%d %H:%M UTC", title: "not seen from" },
          { field: "until", type: "temporal", timeUnit: "utcyearmonthdatehoursminutes", format: "%Y-%m-%d %H:%M UTC", title: "until" },
        ],
      },
    };
    return { height, layer: [grey, ...layers] };
  }

  /** Moments as fine as the span of the picture needs. */
  function dated(spec, rows) {
    const times = rows.map((row) => row.time).filter(Boolean);
    const span = (Math.max(...times) - Math.min(...times)) / 86_400_000;
    const day = span > 300 ? "%b %Y" : "%b %-d";
    const moment = span > 5 ? day : span > 1.5 ? "%b %-d %H:%M" : span > 0.02 ? "%H:%M" : "%H:%M:%S";
    for (const part of spec.layer || [spec]) {
      if (part.encoding?.x?.type === "temporal") {
        const format = part.encoding.x.timeUnit === "utcyearmonthdate" ? day : moment;
        part.encoding.x.axis = { ...part.encoding.x.axis, format };
      }
    }
    return spec;
  }

  /** A line answers the pointer with its first row only; unseen points along it answer with their own. */
  function pointed(spec, rows) {
    for (const part of spec.layer || [spec]) {
      if (part.mark?.type !== "line" || !part.encoding.tooltip) continue;
      if (rows.length <= 2000) part.mark.point = { opacity: 0, filled: true, size: 70 };
      else delete part.encoding.tooltip;
    }
    return spec;
  }

  function picked(chart, rows) {
    return chart.picks ? `Shown: ${[...new Set(rows.map((row) => row.position))].join(", ")}.` : "";
  }

  function partly(chart, rows) {
    if (!JSON.stringify(chart.display).includes("datum.seen")) return "";
    const found = new Set(rows.map((row) => row.seen));
    const pale = [...found].filter((seen) => seen && seen !== "whole");
    return pale.length ? `Pale: ${pale.join(", ")}.` : "";
  }

  function legend(figure, chart, rows) {
    const kinds = new Map(Object.entries(chart.legend || {}));
    for (const { encoding } of chart.display.layer || [chart.display]) {
      const { field, scale } = encoding.color || {};
      const seen = new Set(rows.map((row) => row[field]));
      (scale?.domain || []).forEach((name, index) => { if (seen.has(name)) kinds.set(name, scale.range[index]); });
    }
    if (!kinds.size || figure.querySelector(".legend")) return;
    const list = Object.assign(document.createElement("p"), { className: "legend" });
    for (const [name, colour] of kinds) {
      const key = Object.assign(document.createElement("span"), { textContent: name });
      key.style.setProperty("--key", `var(--${colour.slice(1)})`);
      list.append(key);
    }
    figure.querySelector("figcaption").after(list);
  }

  function say(figure, text, bad = false) {
    const element = figure.querySelector(".drawing");
    element.textContent = "";
    element.append(Object.assign(document.createElement("p"), { className: bad ? "wait problem" : "wait", textContent: text }));
  }

  /** `$burn` is the style sheet's --burn. */
  function coloured(value) {
    if (typeof value === "string") return /^\$[a-z]+$/.test(value) ? `var(--${value.slice(1)})` : value;
    if (Array.isArray(value)) return value.map(coloured);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, key === "values" ? part : coloured(part)]));
    }
    return value;
  }
})();
