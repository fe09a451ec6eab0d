// Draws the charts. Nothing is fetched: the specifications are in the page.
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
    // the legend stands beside the names of the axis, so that its own names have to make do with the rest
    const legend = spec.config.legend, room = box.clientWidth - 190;
    if (room < 290) legend.columns = 1;
    legend.labelLimit = Math.min(legend.labelLimit, room / legend.columns - 30);
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
})();
