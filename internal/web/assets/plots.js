// Draws each element with data-drawing: numbers over time, which its table has as well.
"use strict";
(() => {
  const count = (v) => v.toLocaleString("en");
  const bytes = (v) => {
    let unit = 0;
    for (const units = ["B", "kB", "MB", "GB", "TB", "PB"]; ; unit++) {
      if (v < 1000 || unit === units.length - 1) return (unit === 0 || v >= 100 ? Math.round(v) : v.toFixed(1)) + " " + units[unit];
      v /= 1000;
    }
  };
  const words = { count, bytes, rate: (v) => bytes(v) + "/s" };
  const day = 86400;
  const dates = (_, ticks, __, ___, step) => ticks.map(written(step >= 28 * day ? "{YYYY}-{MM}" : step >= day ? "{MM}-{DD}" : "{HH}:{mm}"));
  const written = (form) => { const write = uPlot.fmtDate(form); return (t) => write(new Date(t * 1000)); };
  const dashes = [[], [6, 4], [2, 3], [10, 3, 2, 3]]; // lines differ without their colour
  const colours = ["--link", "--good", "--warn", "--bad"];

  const draw = (element) => {
    const { unit, times, series } = JSON.parse(element.dataset.drawing);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const say = words[unit];
    const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    const size = () => ({ width: Math.max(element.clientWidth, 200), height: 200 });
    const plot = new uPlot({
      ...size(),
      scales: { y: { range: (_, least, most) => [0, most > 0 ? most * 1.08 : 1] } },
      cursor: { drag: { x: false, y: false } },
      axes: [{ ...axis, values: dates }, { ...axis, size: 76, values: (_, ticks) => ticks.map((v) => (unit === "count" && v % 1 ? "" : say(v))) }],
      series: [
        { label: "Date", value: (_, v) => (v === null ? "" : written("{YYYY}-{MM}-{DD} {HH}:{mm}")(v)) },
        ...series.map((s, i) => ({
          label: s.label.replace(/:$/, ""), stroke: colour(colours[i % colours.length]), dash: dashes[i % dashes.length], width: 2, spanGaps: true,
          points: { show: times.length < 40 }, value: (_, v) => (v === null || v === undefined ? "" : say(v)),
        })),
      ],
    }, [times, ...series.map((s) => s.values)], element);
    const watch = new ResizeObserver(() => plot.setSize(size()));
    watch.observe(element);
    return () => { watch.disconnect(); plot.destroy(); };
  };

  let ends = [];
  const drawAll = () => {
    ends.forEach((end) => end());
    ends = [...document.querySelectorAll("[data-drawing]")].map(draw);
  };
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
