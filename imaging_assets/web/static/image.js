// An image's page: keys to the next one, the previous one, its look-alikes and back.
const keys = { ArrowRight: "next", ArrowLeft: "previous", s: "similar", Escape: "back" };

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  const link = document.getElementById(keys[event.key] ?? "");
  if (link) { event.preventDefault(); link.click(); }
});
