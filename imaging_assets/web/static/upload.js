// Upload: a dropped or chosen folder, file by file, a few at once; what became of each is told.
const token = document.querySelector("meta[name=token]").content;
const form = document.getElementById("upload");
const zone = document.getElementById("zone");
const bar = document.getElementById("done");
const told = document.getElementById("told");
const odd = document.getElementById("odd");
const AT_ONCE = 3;

async function send(files) {
  if (!files.length || zone.dataset.busy) return;
  zone.dataset.busy = "yes";
  document.getElementById("progress").hidden = false;
  document.getElementById("then").hidden = true;
  odd.hidden = true;
  odd.tBodies[0].replaceChildren();
  const day = form.elements.day.value;
  const counts = { added: 0, "already there": 0, refused: 0, ignored: 0 };
  const labelled = [];
  let next = 0;
  let finished = 0;
  bar.max = files.length;
  const tell = () => {
    bar.value = finished;
    told.textContent = `${finished} of ${files.length}: ${counts.added} added, ${counts["already there"]} already there, ${counts.refused} refused` +
      (counts.ignored ? `, ${counts.ignored} hidden files left out` : "");
  };
  const work = async () => {
    while (next < files.length) {
      const { file, name } = files[next++];
      const answer = await one(file, name, day);
      counts[answer.outcome] += 1;
      finished += 1;
      if (answer.outcome === "added" && answer.tag && form.elements.labels.checked) labelled.push([answer.path, answer.tag, answer.sha256]);
      if (answer.outcome === "refused") note(name, answer.reason);
      tell();
    }
  };
  tell();
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (labelled.length) {
    labelled.sort((left, right) => (left[0] < right[0] ? -1 : 1));
    const answer = await fetch("/upload/labels", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": token },
      body: JSON.stringify({ day, labelled }),
    });
    if (!answer.ok) note("labels", (await answer.json()).detail);
  }
  delete zone.dataset.busy;
  document.getElementById("then").hidden = !counts.added;
}

async function one(file, name, day) {
  const body = new FormData();
  body.append("name", name);
  body.append("day", day);
  body.append("picture", file);
  try {
    const answer = await fetch("/upload", { method: "POST", body, headers: { "X-CSRF-Token": token } });
    const said = await answer.json();
    return answer.ok ? said : { outcome: "refused", reason: said.detail };
  } catch {
    return { outcome: "refused", reason: "The server could not be reached. Try it again." };
  }
}

function note(name, reason) {
  const row = odd.tBodies[0].insertRow();
  row.insertCell().textContent = name;
  row.insertCell().textContent = reason;
  odd.hidden = false;
}

// The folder that was chosen or dropped is the top; what lies in it keeps its path, as with `imaging-assets add FOLDER`.
function below(path) { return path.split("/").slice(1).join("/") || path; }

async function walk(entry, top, found) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    const path = entry.fullPath.replace(/^\//, "");
    found.push({ file, name: top ? below(path) : path });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const entries = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!entries.length) return;
    for (const inner of entries) await walk(inner, top, found);
  }
}

zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
zone.addEventListener("dragleave", () => zone.classList.remove("over"));
zone.addEventListener("drop", async (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  const items = [...event.dataTransfer.items].map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const entries = items.map((item) => item.entry).filter(Boolean);
  const top = entries.length === 1 && entries[0].isDirectory;
  const found = items.filter((item) => !item.entry && item.file).map(({ file }) => ({ file, name: file.name }));
  for (const entry of entries) await walk(entry, top, found);
  send(found);
});
for (const id of ["folder", "files"]) {
  const input = document.getElementById(id);
  input.addEventListener("change", () => {
    send([...input.files].map((file) => ({ file, name: file.webkitRelativePath ? below(file.webkitRelativePath) : file.name })));
    input.value = "";
  });
  input.parentElement.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); input.click(); } });
}
