// Show the values of a chart: of the mark nearest to the pointer, or with the arrow keys of one mark after the other.
const tip = document.createElement("output");
tip.className = "tip";
tip.hidden = true;
document.body.append(tip);

function showTip(mark) {
  const box = mark.getBoundingClientRect();
  tip.textContent = mark.dataset.tip;
  tip.hidden = false;
  const half = tip.offsetWidth / 2 + 4, middle = box.left + box.width / 2;
  tip.style.left = `${scrollX + Math.max(half, Math.min(middle, document.documentElement.clientWidth - half))}px`;
  tip.style.top = `${scrollY + box.top}px`;
}

document.querySelectorAll("svg.chart:has([data-tip])").forEach((chart) => {
  const visible = () => [...chart.querySelectorAll("[data-tip]")].filter((mark) => mark.getClientRects().length);
  const hide = () => { tip.hidden = true; };
  let place = 0;
  const showStep = (step) => {
    const marks = visible();
    place = Math.max(0, Math.min(marks.length - 1, place + step));
    if (marks.length) showTip(marks[place]); else hide();
  };
  chart.tabIndex = 0;
  chart.addEventListener("pointermove", (event) => {
    const far = (mark) => {
      const box = mark.getBoundingClientRect();
      return Math.hypot(box.left + box.width / 2 - event.clientX, box.top + box.height / 2 - event.clientY);
    };
    const marks = visible();
    if (!marks.length) return hide();
    const nearest = marks.reduce((best, mark) => far(mark) < far(best) ? mark : best);
    if (far(nearest) < 24) showTip(nearest); else hide();
  });
  chart.addEventListener("pointerleave", hide);
  chart.addEventListener("blur", hide);
  chart.addEventListener("focus", () => { if (chart.matches(":focus-visible")) showStep(0); });
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step) return;
    event.preventDefault();
    showStep(step);
  });
});
