// The queue of unsure images: one key labels the first one and goes on.
const token = document.querySelector("meta[name=token]").content;
const failure = document.getElementById("failure");
const said = document.getElementById("said");
const left = document.getElementById("left");

function questions() { return [...document.querySelectorAll(".question")]; }
function current() { return document.querySelector(".question.now"); }

function choose(question) {
  current()?.classList.remove("now");
  question?.classList.add("now");
  question?.scrollIntoView({ block: "nearest" });
}

async function label(question, tag) {
  if (!tag.trim() || question.dataset.busy) return;
  question.dataset.busy = "yes";
  const body = new FormData();
  body.append("path", question.dataset.path);
  body.append("tags", tag);
  try {
    const answer = await fetch("/unsure", { method: "POST", body, headers: { "X-CSRF-Token": token } });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail);
    const next = question.nextElementSibling ?? question.previousElementSibling;
    question.remove();
    left.textContent = String(Math.max(0, Number(left.textContent.replaceAll(",", "")) - 1));
    said.textContent = `${question.dataset.path.split("/").pop()} is ${tag}.`;
    failure.hidden = true;
    if (next) choose(next); else location.reload();
  } catch (error) {
    delete question.dataset.busy;
    failure.textContent = error.message;
    failure.hidden = false;
  }
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("button.choice");
  if (choice) label(choice.closest(".question"), choice.dataset.tag);
});
document.addEventListener("submit", (event) => {
  event.preventDefault();
  label(event.target.closest(".question"), event.target.elements.tag.value);
});
addEventListener("keydown", (event) => {
  if (event.target.matches("input")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || !current()) return;
  const choices = [...current().querySelectorAll("button.choice")];
  const number = Number(event.key);
  if (event.key === "Enter" && !event.target.closest("button, a")) { event.preventDefault(); choices[0]?.click(); }
  else if (number >= 1 && number <= choices.length) choices[number - 1].click();
  else if (event.key === "e") { event.preventDefault(); current().querySelector(".other input").focus(); }
  else if (event.key === "s" || event.key === "ArrowDown") { event.preventDefault(); choose(current().nextElementSibling ?? current()); }
  else if (event.key === "ArrowUp") { event.preventDefault(); choose(current().previousElementSibling ?? current()); }
});
choose(questions()[0]);
