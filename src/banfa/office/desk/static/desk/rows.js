// Adds and removes lines of a table of inputs. Lines are numbered in their fields' names.

const NUMBER = "__n__";

function nextNumber(body) {
  return Math.max(-1, ...[...body.rows].map((row) => Number(row.dataset.number))) + 1;
}

function addRow(table) {
  const body = table.querySelector("tbody");
  const number = nextNumber(body);
  const row = table.parentElement.querySelector("template").content.firstElementChild.cloneNode(true);
  row.dataset.number = String(number);
  for (const element of [row, ...row.querySelectorAll("*")]) {
    for (const { name, value } of [...element.attributes]) {
      if (value.includes(NUMBER)) element.setAttribute(name, value.replaceAll(NUMBER, String(number)));
    }
  }
  body.append(row);
  row.querySelector("input, select, textarea")?.focus();
}

function removeRow(button) {
  const row = button.closest("tr");
  const body = row.parentElement;
  if (body.rows.length > 1) {
    const beside = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    beside.querySelector("input, select, textarea")?.focus();
  } else {
    for (const field of row.querySelectorAll("input, select, textarea")) field.value = "";
    row.querySelector("input, select, textarea")?.focus();
  }
}

export function watchRows(root) {
  root.addEventListener("click", (event) => {
    const add = event.target.closest("[data-add-row]");
    const remove = event.target.closest("[data-remove-row]");
    if (add) {
      event.preventDefault();
      addRow(add.closest(".rows").querySelector("table"));
    } else if (remove) {
      event.preventDefault();
      removeRow(remove);
    }
  });
}
