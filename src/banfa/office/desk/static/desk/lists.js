// Menus of a list close on Escape and on a click elsewhere; "all on this page" ticks every row.

const open = () => document.querySelectorAll(".menu[open]");

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

const all = document.querySelector("#pick-all");
const rows = [...document.querySelectorAll("input[form=bulk]")];
const told = document.querySelector("#picked");

function tell() {
  const picked = rows.filter((row) => row.checked).length;
  if (told) told.textContent = picked ? told.dataset.some.replace("0", picked) : told.dataset.none;
  if (all) {
    all.checked = picked > 0 && picked === rows.length;
    all.indeterminate = picked > 0 && picked < rows.length;
  }
}

if (all && rows.length) {
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const row of rows) row.checked = all.checked;
    tell();
  });
  for (const row of rows) row.addEventListener("change", tell);
  tell();
}
