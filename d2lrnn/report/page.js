// Say what a chart shows where the pointer is, or, with the arrow keys, point
// by point. Without a script, each point still has its title.
for (const chart of document.querySelectorAll(".chart")) {
  const points = [...chart.querySelectorAll("use")].filter(
    (use) => use.querySelector("title"));
  const output = chart.parentElement.querySelector("output");
  let chosen = -1;

  function choose(i) {
    points[chosen]?.classList.remove("chosen");
    chosen = Math.min(Math.max(i, 0), points.length - 1);
    points[chosen].classList.add("chosen");
    output.textContent = points[chosen].querySelector("title").textContent;
  }

  chart.addEventListener("pointermove", (event) => {
    const far = points.map((point) => {
      const box = point.getBoundingClientRect();
      return Math.hypot(box.x + box.width / 2 - event.clientX,
                        box.y + box.height / 2 - event.clientY);
    });
    const nearest = far.indexOf(Math.min(...far));
    if (far[nearest] < 24) choose(nearest);
  });
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step && points.length) {
      choose(chosen + step);
      event.preventDefault();
    }
  });
}
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) {
    details.open = true;
  }
});
