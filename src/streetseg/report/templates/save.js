// A link that saves a file which the page makes at the click. Nothing is requested: the file is in the address itself.

const slug = (name) => name.toLowerCase().replace(/[^\p{L}\p{N}_]+/gu, "-").slice(0, 80).replace(/^-|-$/g, "");

function saveLink(name, file, kind, content) {
  const link = Object.assign(document.createElement("a"), { textContent: name, href: "#", download: file });
  let made = false;
  link.addEventListener("click", async (event) => {
    if (made) { made = false; return; }
    event.preventDefault();
    const text = await content();
    link.href = text.startsWith("data:") ? text : `data:${kind};charset=utf-8,${encodeURIComponent(text)}`;
    made = true;
    link.click();
    link.href = "#";
  });
  return link;
}
