// Draws the charts and runs the filters. Nothing is fetched: specifications and rows are in the page or beside it.
"use strict";

(function () {
  const byId = (id) => document.getElementById(id);
  const darkMode = window.matchMedia("(prefers-color-scheme: dark)");

  // ---- charts ----

  const views = new Map();

  async function draw(box) {
    const spec = JSON.parse(byId(box.dataset.chart + "-spec").textContent);
    const themes = JSON.parse(byId("themes").textContent);
    spec.config = darkMode.matches ? themes.dark : themes.light;
    box.hidden = false;
    if (views.has(box)) views.get(box).finalize();
    // ast: expressions are interpreted, so that no page needs the right to evaluate strings
    const options = {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
    };
    views.set(box, await window.vegaEmbed(box, spec, options));
  }

  async function drawAll() {
    for (const box of document.querySelectorAll("[data-chart]")) {
      try {
        await draw(box);
        box.dataset.drawn = darkMode.matches ? "dark" : "light";
      } catch (error) {
        box.textContent = "This chart cannot be drawn; its numbers are below.";
        console.error(error);
      }
    }
  }

  if (window.vegaEmbed) {
    drawAll();
    darkMode.addEventListener("change", drawAll);
  }

  // ---- filters of the instance browser ----

  const form = byId("filter");
  const index = window.longwaveRows;
  if (!form || !index) return;

  const cases = byId("cases");
  const here = Number(cases.dataset.page);
  const [PAGE, INSTANCE, MODEL, INPUT, OUTCOME, CONFIDENCE, GROUP] = [0, 1, 2, 3, 4, 5, 6];
  const NAMES = ["model", "input", "outcome", "versus", "group", "low", "high", "text"];
  const answers = Array.from(cases.querySelectorAll(".answer"), (node) => [Number(node.dataset.row), node]);
  const texts = new Map(Array.from(cases.children, (node) => [node, node.textContent.toLowerCase()]));
  const opposite = { 0: 1, 1: 0 };

  function place(list, name) {
    return name ? list.indexOf(name) : null;
  }

  function bound(text) {
    return text === "" || text === undefined || Number.isNaN(Number(text)) ? null : Number(text);
  }

  function read() {
    const value = (name) => (form.elements[name] ? form.elements[name].value : "");
    return {
      model: place(index.models, value("model")), input: place(index.inputs, value("input")),
      outcome: place(index.outcomes, value("outcome")), versus: place(index.models, value("versus")),
      group: place(index.groups, value("group")), low: bound(value("low")), high: bound(value("high")),
      text: value("text").trim().toLowerCase(),
    };
  }

  function matches(row, wanted) {
    if (wanted.model !== null && row[MODEL] !== wanted.model) return false;
    if (wanted.input !== null && row[INPUT] !== wanted.input) return false;
    if (wanted.outcome !== null && row[OUTCOME] !== wanted.outcome) return false;
    if (wanted.group !== null && row[GROUP] !== wanted.group) return false;
    const hasBounds = wanted.low !== null || wanted.high !== null;
    if (hasBounds && row[CONFIDENCE] === null) return false;
    if (wanted.low !== null && row[CONFIDENCE] < wanted.low) return false;
    return wanted.high === null || row[CONFIDENCE] <= wanted.high;
  }

  // rows that match; with a second model, also its rows of the other outcome on the same input
  function select(wanted) {
    const found = new Set();
    const other = new Map();
    if (wanted.versus !== null) {
      index.rows.forEach((row, number) => {
        if (row[MODEL] !== wanted.versus) return;
        const key = row[INSTANCE] + "/" + row[INPUT] + "/" + row[OUTCOME];
        other.set(key, (other.get(key) || []).concat(number));
      });
    }
    index.rows.forEach((row, number) => {
      if (!matches(row, wanted)) return;
      if (wanted.versus === null) {
        found.add(number);
        return;
      }
      const pair = other.get(row[INSTANCE] + "/" + row[INPUT] + "/" + opposite[row[OUTCOME]]);
      if (row[MODEL] === wanted.versus || !pair) return;
      found.add(number);
      pair.forEach((one) => found.add(one));
    });
    return found;
  }

  function showAnswers(found, wanted) {
    let shown = 0;
    const columns = new Set([wanted.model, wanted.versus].filter((one) => one !== null));
    for (const [number, node] of answers) node.hidden = !found.has(number);
    for (const node of cases.querySelectorAll("[data-model]")) {
      node.hidden = wanted.model !== null && !columns.has(Number(node.dataset.model));
    }
    for (const part of cases.querySelectorAll(".answers tbody")) {
      part.hidden = !part.querySelector(".answer:not([hidden])");
    }
    for (const node of cases.children) {
      const has = node.querySelector(".answer:not([hidden])");
      node.hidden = !has || (wanted.text !== "" && !texts.get(node).includes(wanted.text));
      shown += node.hidden ? 0 : 1;
    }
    return shown;
  }

  function apply() {
    const wanted = read();
    const found = select(wanted);
    const shown = showAnswers(found, wanted);
    const instances = new Map();
    for (const number of found) {
      const row = index.rows[number];
      if (!instances.has(row[PAGE])) instances.set(row[PAGE], new Set());
      instances.get(row[PAGE]).add(row[INSTANCE]);
    }
    const total = Array.from(instances.values()).reduce((sum, one) => sum + one.size, 0);
    const query = toQuery();
    for (const link of document.querySelectorAll(".pages a")) {
      const hits = instances.get(Number(link.dataset.page));
      link.search = query;
      link.querySelector(".hits").textContent = query ? " (" + (hits ? hits.size : 0) + ")" : "";
      link.classList.toggle("none", !hits);
    }
    const s = (n) => (n === 1 ? "" : "s");
    let message = query
      ? found.size + " row" + s(found.size) + " of " + total + " instance" + s(total) + " match; " + shown + " on this page."
      : index.rows.length + " rows of " + total + " instance" + s(total) + "; " + shown + " on this page.";
    if (wanted.text) message += " The text is searched on this page only.";
    byId("found").textContent = message;
    return { shown, instances };
  }

  function toQuery() {
    const query = new URLSearchParams();
    for (const name of NAMES) {
      const field = form.elements[name];
      if (field && field.value && name !== "text") query.set(name, field.value);
    }
    const text = query.toString();
    return text ? "?" + text : "";
  }

  function changed() {
    apply();
    try {
      history.replaceState(null, "", window.location.pathname + toQuery());
    } catch (error) {
      // some browsers refuse this for files; the filter works without it
    }
  }

  const query = new URLSearchParams(window.location.search);
  for (const name of NAMES) {
    const field = form.elements[name];
    if (field && query.has(name)) field.value = query.get(name);
  }
  form.hidden = false;
  form.addEventListener("input", changed);
  form.addEventListener("reset", () => setTimeout(changed, 0));
  form.addEventListener("submit", (event) => event.preventDefault());
  const { shown, instances } = apply();
  if (!shown && window.location.search && !window.location.hash && instances.size) {
    const link = document.querySelector('.pages a[data-page="' + Math.min(...instances.keys()) + '"]');
    if (link && Math.min(...instances.keys()) !== here) window.location.replace(link.href);
  }
})();
