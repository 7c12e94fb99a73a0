// The bar with the contents: it marks the section on the screen, and holds the choice of encoders and classes.
// On a phone the links are a menu.
const bar = document.querySelector(".bar");
const links = [...bar.querySelectorAll(".contents a")];
const sections = links.map((link) => document.querySelector(link.hash));

const unfolding = (className, text, content) => {
  const button = make("button", { type: "button", className, textContent: text });
  const open = (yes) => {
    button.setAttribute("aria-expanded", String(yes));
    content.classList.toggle("open", yes);
  };
  button.addEventListener("click", () => open(button.getAttribute("aria-expanded") !== "true"));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !content.classList.contains("open")) return;
    open(false);
    if (content.contains(document.activeElement)) button.focus();
  });
  document.addEventListener("click", (event) => {
    const path = event.composedPath();
    if (!path.includes(content) && !path.includes(button)) open(false);
  });
  content.addEventListener("click", (event) => { if (event.target.closest("a")) open(false); });
  open(false);
  return button;
};

const panel = make("div", { className: "panel" }, choiceOfEncoders(), choiceOfClasses());
const menu = unfolding("menu", "Contents", bar.querySelector(".contents"));
bar.prepend(menu);
bar.append(unfolding("show", "Encoders and classes", panel), panel);
bar.classList.add("ready");

CHOICE.addEventListener("change", () => {
  const hidden = hiddenOf.encoder.size + hiddenOf.class.size;
  bar.querySelector(".show").textContent = hidden ? `Encoders and classes (${hidden} hidden)` : "Encoders and classes";
});

function markSection() {
  const line = Math.min(innerHeight * 0.35, 300);
  const atEnd = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
  const passed = atEnd ? sections.length - 1 : sections.findLastIndex((section) => section.getBoundingClientRect().top <= line);
  links.forEach((link, k) => {
    if (k === passed) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  });
  menu.textContent = passed < 0 ? "Contents" : `Contents: ${links[passed].textContent}`;
}
addEventListener("scroll", markSection, { passive: true });
addEventListener("resize", markSection);
markSection();
